import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ownerOf } from '../../src/workers/owner.ts'
import { until } from '../support/conditions.ts'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Of two processes one cannot have the new policy: neither may judge by it, or the one begins again and has it too.

const names = Array.from({ length: 20 }, (_, index) => `person-${index}`)
const subjects = [0, 1].map((worker) => names.find((name) => ownerOf('https://people.example', name, 2) === worker) ?? '')
const tools = ['one', 'two', 'three', 'four']
const policyFor = (word: string) => `package policies.words\n\nallow if {\n\tinput.message.method == "tools/call"\n\tinput.message.call.name == "${word}"\n}\n`
let stub: StubServer
let gateway: TestGateway
const directory = 'policies/words/words.rego'

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) }), 'tools/call': () => ({ content: [{ type: 'text', text: 'done' }] }) }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { [directory]: policyFor('one') }, settings: { workers: 2, logging: { level: 'error' } } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const pidOf = (slot: number): number => {
  const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)]).toString().split('\n')
  return Number(new RegExp(`^\\s*(\\d+) .*worker\\.ts ${slot}$`).exec(children.find((line) => line.endsWith(`/worker.ts ${slot}`)) ?? '')?.[1])
}
/** What each worker lets its own people call; undefined while it does not serve. */
const allowed = () =>
  Promise.all(subjects.map(async (subject): Promise<readonly string[] | undefined> => {
    try {
      const client = await connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), '2025-06-18')
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

test('one that has no memory for it', async () => {
  const pid = pidOf(1)
  const size = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  const limit = (soft: number | 'unlimited') => execFileSync('prlimit', ['--pid', String(pid), `--as=${soft}:`])
  limit(size + 1024 * 1024)
  gateway.writePolicy(directory, policyFor('two'))
  const run = await gateway.gateway.pipeline.run()
  const ended = pidOf(1) !== pid
  expect(run.error !== undefined || ended).toBe(true)
  if (!ended) limit('unlimited')
  await bothAllow(run.error === undefined ? 'two' : 'one')
  await gateway.gateway.pipeline.run()
  await bothAllow('two')
})

test('one that stands still', async () => {
  const pid = pidOf(1)
  process.kill(pid, 'SIGSTOP')
  gateway.writePolicy(directory, policyFor('three'))
  expect((await gateway.gateway.pipeline.run()).problems).toMatchObject([{ stage: 'activate', message: expect.stringContaining('worker 1: it did not answer') as string }])
  expect(gateway.gateway.pipeline.status().active?.digest).toBe(gateway.gateway.pipeline.kept()[0]?.digest)
  // It was ended, so it can be asked again.
  expect((await gateway.gateway.pipeline.run()).problems).toEqual([])
  await bothAllow('three')
  expect(pidOf(1)).not.toBe(pid)
})
