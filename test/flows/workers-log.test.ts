import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ownerOf } from '../../src/workers/owner.ts'
import { until } from '../support/conditions.ts'
import { writeGatewayFiles, type GatewayFiles, type Who } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { allowAll, greetingOf, post } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// The store's log is one file for all workers, as long as any of them has it open.

let stub: StubServer
let files: GatewayFiles
let gateway: GatewayProcess
let log: string

beforeEach(async () => {
  stub = await startStubServer(mcpAnswers({}))
  files = await writeGatewayFiles({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { workers: 2, logging: { level: 'error' } } })
  log = join(files.directory, 'sallyport.db-wal')
  gateway = await startGatewayProcess(files)
})
afterEach(async () => {
  await gateway.kill('SIGTERM')
  await stub.close()
  rmSync(files.directory, { recursive: true, force: true })
})

const somebodyOn = (worker: number): Who => {
  for (let serial = 0; ; serial += 1) {
    const subject = `somebody-${serial}`
    if (ownerOf('https://people.example', subject, 2) === worker) return { subject, groups: [] }
  }
}
const workerOf = (slot: number): number =>
  readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8').trim().split(' ').map(Number)
    .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`/src/worker.ts\0${slot}\0`)) ?? 0
const restarts = async (): Promise<number> => Number(/^sallyport_worker_restarts_total (\S+)/m.exec(await (await fetch(`${files.url}/metrics`)).text())?.[1])
const greets = async (token: string): Promise<number> => (await post(files.mcp('stub'), token, greetingOf('log'), { connection: 'close' })).status
const isReady = async (): Promise<boolean> => (await fetch(`${files.url}/readyz`, { headers: { connection: 'close' } })).ok
/** Whoever was connected to a worker that was killed is cut off, and asks again. */
const again = <T>(look: () => Promise<T>): Promise<T | false> => look().catch(() => false)
const sessions = (): readonly unknown[] => {
  const db = new DatabaseSync(join(files.directory, 'sallyport.db'))
  const rows = db.prepare('SELECT id FROM session ORDER BY id').all()
  db.close()
  return rows.map(({ id }) => id)
}

test.each([
  ['moved away', () => renameSync(log, `${log}.aside`), () => renameSync(`${log}.aside`, log)],
  ['gone', () => rmSync(log), undefined],
])('where the log is %s, a worker that takes the place of another begins no second one', async (_, take, back) => {
  const [on0, on1] = await Promise.all([0, 1].map((worker) => files.token({ ...somebodyOn(worker), expires: '12h' }, 'stub'))) as [string, string]
  expect([await greets(on0), await greets(on1)]).toEqual([200, 200])
  const recorded = sessions()
  expect(recorded).toHaveLength(2)
  take()
  process.kill(workerOf(0), 'SIGKILL')
  // The one that took its place has ended, too, or serves.
  await until(() => again(async () => (await restarts()) > 1 || (await greets(on0)) === 200))
  expect([await greets(on0), await greets(on1)]).toEqual([503, 503])
  if (back !== undefined) {
    back()
    await until(() => again(isReady))
    expect([await greets(on0), await greets(on1)]).toEqual([200, 200])
  }
  await gateway.kill('SIGTERM')
  expect(sessions()).toEqual(expect.arrayContaining([...recorded]))
})
