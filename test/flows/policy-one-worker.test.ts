import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ownerOf } from '../../src/workers/owner.ts'
import { until } from '../support/conditions.ts'
import { connect } from '../support/gateway.ts'
import { writeGatewayFiles, type GatewayFiles } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Of two processes one cannot have the new policy: neither may judge by it, or the one begins again and has it too.

const names = Array.from({ length: 20 }, (_, index) => `person-${index}`)
const subjects = [0, 1].map((worker) => names.find((name) => ownerOf('https://people.example', name, 2) === worker) ?? '')
const tools = ['one', 'two', 'three', 'four']
const policyFor = (word: string) => `package policies.words\n\nallow if {\n\tinput.message.method == "tools/call"\n\tinput.message.call.name == "${word}"\n}\n`
let stub: StubServer
let files: GatewayFiles
let gateway: GatewayProcess
const directory = 'policies/words/words.rego'

// In a process of its own: what it writes of a lack of memory would be taken for this one's.
beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) }), 'tools/call': () => ({ content: [{ type: 'text', text: 'done' }] }) }))
  files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url } }, rego: { [directory]: policyFor('one') }, settings: { workers: 2, logging: { level: 'error' } } })
  gateway = await startGatewayProcess(files)
})
afterAll(async () => {
  await gateway?.kill('SIGKILL')
  await stub?.close()
})

const pidOf = (slot: number): number => {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(gateway.pid)]).toString().split('\n')
  return Number(new RegExp(`^\\s*(\\d+) .*worker\\.ts ${slot}$`).exec(children.find((line) => line.endsWith(`/worker.ts ${slot}`)) ?? '')?.[1])
}
/** What each worker lets its own people call; undefined while it does not serve. */
const allowed = () =>
  Promise.all(subjects.map(async (subject): Promise<readonly string[] | undefined> => {
    try {
      const client = await connect(files.mcp('stub'), await files.token({ subject, groups: [] }, 'stub'), '2025-06-18')
      const answers = await Promise.all(tools.map((name) => client.request('tools/call', { name, arguments: {} })))
      return answers.some(({ status }) => status !== 200) ? undefined : tools.filter((_, at) => answers[at]?.result !== undefined && answers[at].result['isError'] !== true)
    } catch {
      return undefined
    }
  }))
const bothAllow = (word: string) => until(async () => {
  const seen = await allowed()
  return seen.every((one) => one?.join() === word) && seen
})

interface Run {
  readonly at: string
}
const lastRun = async (): Promise<Run | undefined> => {
  const response = await fetch(`${files.url}/api/v1/policy`, { headers: { authorization: `Bearer ${await files.token({ subject: 'ola', groups: ['ops'] }, 'api')}` } }).catch(() => undefined)
  return response?.ok === true ? ((await response.json()) as { last_run: Run }).last_run : undefined
}

test('one that has no memory for it', async () => {
  await bothAllow('one')
  const before = (await lastRun())?.at
  const pid = pidOf(1)
  const size = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  execFileSync('prlimit', ['--pid', String(pid), `--as=${size + 1024 * 1024}:`])
  files.writePolicy(directory, policyFor('two'))
  await until(async () => {
    const run = await lastRun()
    return run !== undefined && run.at !== before && run
  })
  const both = await until(async () => {
    const [one, other] = await allowed()
    return one !== undefined && one.join() === other?.join() && one
  })
  expect(['one', 'two']).toContain(both.join())
  if (pidOf(1) === pid) execFileSync('prlimit', ['--pid', String(pid), '--as=unlimited:'])
  files.writePolicy(directory, `${policyFor('two')}\n`)
  await bothAllow('two')
})

test('one that stands still', async () => {
  const pid = pidOf(1)
  process.kill(pid, 'SIGSTOP')
  files.writePolicy(directory, policyFor('three'))
  // Whether it is seen to hang or waited for in vain, it is ended, and begins again with what the other one has.
  await bothAllow('three')
  expect(pidOf(1)).not.toBe(pid)
})
