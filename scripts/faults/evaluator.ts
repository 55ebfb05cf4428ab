import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Campaign, Tally } from './campaign.ts'
import { createPlainCalls, type Answered, type PlainCalls } from './plain-calls.ts'
import type { EvaluatorFault } from './preload/evaluator.ts'
import { createWorld, preloaded, type World } from './world.ts'

/** `pad` is read, so that a large one is judged on a thread; the direction is read beside it, so that what is asked before a decision is recalled fails too. */
const policy = `package policies.faults

import data.sallyport

allow if input.message.call.name == "work"

deny contains {"code": "never"} if {
	input.message.direction == "to_server"
	sallyport.arg("pad") == "never"
}
`
const verdict = (kind: string, more = '') => `{"kind":"${kind}","reasons":[{"code":"allowed","rule":"faults/allow"}],"risk":0,"listed":[]${more}}`
const answers: readonly string[] = [
  '[]', '', 'null', '{}', '[{}]', '"allow"', '[{"result":true}]', '[{"result":null}]', '[{"result":[]}]', 'no JSON', '[{"result":',
  `[{"result":${verdict('allow')}},{"result":${verdict('allow')}}]`,
  `[{"result":${verdict('permit')}}]`, `[{"result":${verdict('Allow')}}]`, `[{"result":${verdict('mask')}}]`,
  `[{"result":${verdict('allow').replace('"risk":0', '"risk":"0"')}}]`,
  `[{"result":${verdict('allow').replace(/"reasons":\[[^\]]*\]/, '"reasons":[]')}}]`,
  `[{"result":${verdict('allow', ',"mask":[{"path":"no pointer"}]')}}]`,
]
const happenings = ['trap', 'out of memory', 'text thrown', 'object thrown'] as const
/** On the main thread these would end or hold up everything; fuel is there against that. */
const onThreadsOnly = ['no end', 'thread ends'] as const

const faults: readonly { readonly fault: Omit<EvaluatorFault, 'on'>; readonly sizes: readonly number[] }[] = [
  ...answers.map((answer) => ({ fault: { answer }, sizes: [10, 400_000] })),
  ...happenings.map((happens) => ({ fault: { happens }, sizes: [10, 400_000] })),
  ...onThreadsOnly.map((happens) => ({ fault: { happens }, sizes: [400_000] })),
]
const callsEach = 5

export const failingEvaluator: Campaign = {
  title: 'whatever the evaluator does in place of judging is a denial, and is counted',
  needs: [],
  size: {},
  async run({ tally, say }) {
    const world = await createWorld({ rego: policy })
    const file = join(world.files.directory, 'fault.json')
    const set = (fault: EvaluatorFault | null) => writeFileSync(file, JSON.stringify(fault))
    try {
      set(null)
      await world.start(preloaded('preload/evaluator.ts', { SALLYPORT_FAULT: file }))
      const calls = createPlainCalls(world.files.mcp('stub'), await world.files.token({ subject: 'p12', groups: [], expires: '2h' }, 'stub'))
      await calls.work('first')
      for (const { fault, sizes } of faults) {
        for (const size of sizes) {
          await tryBoth({ fault, size }, { world, calls, set, tally })
          set(null)
          if (!isFine(await calls.work('after', 'y'.repeat(size)))) tally.violation(`after ${JSON.stringify(fault)} no call passes any more`)
        }
        await trySets(fault, { world, calls, set, tally })
        say(JSON.stringify(fault))
      }
      calls.close()
    } finally {
      await world.close()
    }
  },
}

interface Place {
  readonly world: World
  readonly calls: PlainCalls
  readonly set: (fault: EvaluatorFault | null) => void
  readonly tally: Tally
}

async function tryBoth({ fault, size }: { fault: Omit<EvaluatorFault, 'on'>; size: number }, { world, calls, set, tally }: Place): Promise<void> {
  for (const on of ['to_server', 'to_client'] as const) {
    const where = `${JSON.stringify(fault)} ${on}, ${size} bytes`
    const before = { arrived: world.stub.arrived().length, errors: await errorsOf(world) }
    set({ ...fault, on })
    // What comes back is small: it is judged on a thread only where the request was.
    const seen = await Promise.all(Array.from({ length: callsEach }, (_, at) => calls.work(`${at}`, 'y'.repeat(size))))
    const arrived = world.stub.arrived().length - before.arrived
    const errors = (await errorsOf(world)) - before.errors
    tally.checked(callsEach)
    const denied = seen.filter((answer) => isDenied(answer, on === 'to_client')).length
    if (denied !== callsEach) tally.violation(`${where}: ${denied} of ${callsEach} denied; ${JSON.stringify(seen.find((answer) => !isDenied(answer, on === 'to_client'))).slice(0, 300)}`)
    if (arrived !== (on === 'to_server' ? 0 : callsEach)) tally.violation(`${where}: the server got ${arrived}`)
    if (errors !== callsEach) tally.violation(`${where}: ${errors} errors counted`)
  }
}

/** What is asked before a decision is recalled fails alone: the message is judged whole, whatever was said before. */
async function trySets(fault: Omit<EvaluatorFault, 'on'>, { world, calls, set, tally }: Place): Promise<void> {
  if (fault.happens === 'no end' || fault.happens === 'thread ends') return
  const where = `${JSON.stringify(fault)} of what is asked before`
  set({ ...fault, on: 'sets' })
  for (let at = 0; at < callsEach; at += 1) {
    tally.checked()
    if (!isFine(await calls.work(`fine ${at}`, 'y'))) tally.violation(`${where}: a call does not pass`)
    const before = world.stub.arrived().length
    const { body } = await calls.work(`denied ${at}`, 'never')
    if (!body.includes('"isError":true') || !body.includes('"never"') || world.stub.arrived().length !== before) tally.violation(`${where}: not denied: ${body.slice(0, 300)}`)
  }
  set(null)
}

const isFine = ({ status, body }: Answered) => status === 200 && body.includes('did ')
const isDenied = ({ status, body }: Answered, executed: boolean) => status === 200 && body.includes('"isError":true') && body.includes('policy_error') && body.includes(`"executed":${executed}`) && !body.includes('did ')

const errorsOf = (world: World): Promise<number> => world.metric('sallyport_policy_errors_total')
