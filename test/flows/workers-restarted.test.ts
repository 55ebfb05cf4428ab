import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownerOf } from '../../src/workers/owner.ts'
import { until } from '../support/conditions.ts'
import { writeGatewayFiles, type GatewayFiles, type Who } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { allowAll, connect, greetingOf, post } from '../support/gateway.ts'
import { isRunning } from '../support/processes.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a worker that is killed leaves behind, and what the one that takes its place must know of it.

/** A server on standard input and output that says which process it is, and runs on when nobody speaks to it any more. */
const stubborn = `
setInterval(() => undefined, 1000)
process.stdout.on('error', () => undefined)
const results = { initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stubborn', version: '1' } }), 'tools/list': () => ({ tools: [{ name: 'pid', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: String(process.pid) }] }) }
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
	const { id, method, params } = JSON.parse(line)
	if (id !== undefined) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result: results[method](params) }) + '\\n')
})`

let stub: StubServer
let files: GatewayFiles
let gateway: GatewayProcess
const file = (name: string): string => join(files.directory, name)

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({}))
  files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url }, stubborn: { command: process.execPath, args: ['-e', stubborn] } }, rego: { 'policies/open/open.rego': allowAll }, settings: { workers: 2, logging: { level: 'error' } } })
  writeFileSync(file('clock'), '0')
  const preload = new URL('../../scripts/faults/preload/clock.ts', import.meta.url).href
  gateway = await startGatewayProcess(files, { under: ['env', `NODE_OPTIONS=--no-warnings --import=${preload}`, `SALLYPORT_CLOCK=${file('clock')}`] })
})
afterAll(async () => {
  await gateway.kill('SIGTERM')
  await stub.close()
  rmSync(files.directory, { recursive: true, force: true })
})

let serial = 0
const somebodyOn = (worker: number): Who => {
  for (;;) {
    const subject = `restarted-${++serial}`
    if (ownerOf('https://people.example', subject, 2) === worker) return { subject, groups: [] }
  }
}
const workerOf = (slot: number): number | undefined =>
  readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8').trim().split(' ').map(Number)
    .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`/src/worker.ts\0${slot}\0`))
const metric = async (name: string): Promise<number> => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(await (await fetch(`${files.url}/metrics`)).text())?.[1])
const restarts = () => metric('sallyport_worker_restarts_total')
/** Whoever was connected to a worker that was killed is cut off, and asks again. */
const again = <T>(look: () => Promise<T>): Promise<T | false> => look().catch(() => false)
const kill = (slot: number) => process.kill(workerOf(slot) ?? 0, 'SIGKILL')
const greets = async (token: string): Promise<number> => (await post(files.mcp('stub'), token, greetingOf('restarted'), { connection: 'close' })).status
const isReady = async (): Promise<boolean> => (await fetch(`${files.url}/readyz`, { headers: { connection: 'close' } })).ok

test('what has expired stays so in a worker that was started after the clock was set back', async () => {
  const token = await files.token({ ...somebodyOn(0), expires: '10m' }, 'stub')
  expect(await greets(token)).toBe(200)
  writeFileSync(file('clock'), String(3_600_000))
  await until(async () => (await greets(token)) === 401)
  const since = performance.now()
  await until(() => performance.now() - since > 1_500) // who starts workers looks at the clock every second
  writeFileSync(file('clock'), '0')
  kill(0)
  await until(() => again(async () => (await restarts()) === 1 && (await isReady())))
  expect(await greets(token)).toBe(401)
})

test('a worker does not start on another file than the others write', async () => {
  const [on0, on1] = await Promise.all([0, 1].map((worker) => files.token({ ...somebodyOn(worker), expires: '12h' }, 'stub'))) as [string, string]
  expect([await greets(on0), await greets(on1)]).toEqual([200, 200])
  copyFileSync(file('sallyport.db'), file('copy.db'))
  renameSync(file('sallyport.db'), file('moved.db'))
  renameSync(file('copy.db'), file('sallyport.db'))
  const before = await restarts()
  kill(0)
  await until(() => again(async () => (await restarts()) > before + 1)) // the one that took its place has ended, too
  expect([await greets(on0), await greets(on1)]).toEqual([503, 503])
  renameSync(file('moved.db'), file('sallyport.db'))
  await until(isReady)
  expect([await greets(on0), await greets(on1)]).toEqual([200, 200])
})

test('what a worker started ends with it, and with the supervisor', async () => {
  const pidOn = async (worker: number): Promise<number> => {
    const client = await connect(files.mcp('stubborn'), await files.token({ ...somebodyOn(worker), expires: '12h' }, 'stubborn'), '2025-11-25')
    const { result } = await client.request('tools/call', { name: 'pid', arguments: {} })
    return Number((result as { content: [{ text: string }] }).content[0].text)
  }
  const [on0, on1] = [await pidOn(0), await pidOn(1)]
  const before = workerOf(0)
  kill(0)
  await until(() => !isRunning(on0))
  expect(isRunning(on1)).toBe(true)
  await until(() => again(async () => workerOf(0) !== before && (await isReady())))
  const later = await pidOn(0)
  await gateway.kill('SIGKILL')
  await until(() => !isRunning(on1) && !isRunning(later))
})
