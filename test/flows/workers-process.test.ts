import { readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ownerOf } from '../../src/workers/owner.ts'
import { writeGatewayFiles, type GatewayFiles, type Who } from '../support/gateway-files.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { allowAll, connect, modernMeta } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { isRunning } from '../support/processes.ts'

let stub: StubServer
let files: GatewayFiles
const waiting: ((text: string) => void)[] = []
let arrived: PromiseWithResolvers<void>
let expected = 2

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ tools: [{ name: 'wait', inputSchema: { type: 'object' } }] }),
    'tools/call': () =>
      new Promise((resolve) => {
        waiting.push((text) => resolve({ content: [{ type: 'text', text }] }))
        if (waiting.length === expected) arrived.resolve()
      }),
  }))
  files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { workers: 2, logging: { level: 'error' } } })
})
beforeEach(() => {
  arrived = Promise.withResolvers()
  waiting.length = 0
})
afterAll(async () => {
  await stub.close()
  rmSync(files.directory, { recursive: true, force: true })
})

const somebodyOn = (worker: number): Who => {
  for (let n = 0; ; n += 1) if (ownerOf('https://people.example', `ally-${n}`, 2) === worker) return { subject: `ally-${n}`, groups: [] }
}
const callOn = async (worker: number) => {
  const client = await connect(files.mcp('stub'), await files.token(somebodyOn(worker), 'stub'), '2025-11-25')
  return { client, answer: client.request('tools/call', { name: 'wait', arguments: {} }).then(({ result }) => JSON.stringify(result), () => 'cut') }
}
/** A call of somebody of one worker on a connection that is another worker's. */
const callOnTheConnectionOf = async (other: number, worker: number) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const send = (token: string, method: string, params: object, name: Record<string, string>) =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name }
      const request = http.request(files.mcp('stub'), { agent, method: 'POST', headers }, (response) => {
        let said = ''
        response.on('data', (chunk: Buffer) => (said += chunk.toString())).on('end', () => resolve(said)).on('error', reject)
      })
      request.on('error', reject).end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: modernMeta } }))
    })
  await send(await files.token(somebodyOn(other), 'stub'), 'tools/list', {}, {})
  return send(await files.token(somebodyOn(worker), 'stub'), 'tools/call', { name: 'wait', arguments: {} }, { 'mcp-name': 'wait' }).finally(() => agent.destroy())
}
const workersOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number).filter((child) => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('/src/worker.ts'))
const outcomes = (): readonly unknown[] => {
  const db = new DatabaseSync(join(files.directory, 'sallyport.db'), { readOnly: true })
  try {
    return db.prepare(`SELECT outcome FROM event WHERE method = 'tools/call' AND kind = 'request' ORDER BY n`).all().map(({ outcome }) => outcome)
  } finally {
    db.close()
  }
}

test('told to stop, the workers finish what they are at and begin nothing new; then all end well', async () => {
  const gateway = await startGatewayProcess(files)
  const workers = workersOf(gateway.pid)
  expect(workers).toHaveLength(2)
  expected = 3
  const calls = [await callOn(0), await callOn(1)].map(({ answer }) => answer)
  calls.push(callOnTheConnectionOf(0, 1))
  await arrived.promise
  // As a service manager does, which tells every process of the service.
  for (const pid of [gateway.pid, ...workers]) process.kill(pid, 'SIGTERM')
  await expect(connectUntilRefused()).resolves.toBe('refused')
  for (const answer of waiting.splice(0)) answer('finished')
  for (const answer of calls) expect(await answer).toContain('finished')
  expect(await gateway.ended).toBe(0)
  expect(workers.filter(isRunning)).toEqual([])
  expect(outcomes()).toEqual(['forwarded', 'forwarded', 'forwarded'])
})

async function connectUntilRefused(): Promise<string> {
  for (;;) {
    const answer = await fetch(`${files.url}/healthz`, { headers: { connection: 'close' } }).then(() => 'answered', () => 'refused')
    if (answer === 'refused') return answer
  }
}

test('the workers of a supervisor that is killed end with it; the next start tells their calls as unknown', async () => {
  const before = outcomes().length
  expected = 2
  const gateway = await startGatewayProcess(files)
  const workers = workersOf(gateway.pid)
  const calls = [await callOn(0), await callOn(1)]
  await arrived.promise
  await gateway.kill('SIGKILL')
  for (const { answer } of calls) expect(await answer).toBe('cut')
  const next = await startGatewayProcess(files)
  expect(workers.filter(isRunning)).toEqual([])
  expect(outcomes().slice(before)).toEqual(['unknown', 'unknown'])
  expect(await next.kill('SIGTERM')).toBe(0)
})
