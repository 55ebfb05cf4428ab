import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { allowAll, connect, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What cannot be recorded is refused: before the server is asked, and after it has answered.

let play: ((id: unknown, response: ServerResponse) => void | Promise<void>) | undefined
let stub: StubServer
let gateway: TestGateway
let token: string
let locked: DatabaseSync | undefined
const journal = join(mkdtempSync(join(tmpdir(), 'sallyport-store-faults-')), 'journal')

const lock = () => {
  locked = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { timeout: 60_000 })
  locked.exec('BEGIN IMMEDIATE')
}
const unlock = () => {
  locked?.exec('ROLLBACK')
  locked?.close()
  locked = undefined
}

beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 't', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [] }) })
  stub = await startStubServer((request, response) => (play !== undefined && request.body.includes('tools/call') ? play(JSON.parse(request.body).id, response) : base(request, response)))
  const child = { command: process.execPath, args: ['--no-warnings', join(import.meta.dirname, '../support/stdio-server.ts'), journal] }
  gateway = await startGateway({ upstreams: { stub: { url: stub.url }, child }, rego: { 'policies/open/open.rego': allowAll } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterEach(async () => {
  play = undefined
  unlock()
  while (!(await metrics()).includes('sallyport_store_writable 1')) await new Promise((resolve) => setTimeout(resolve, 10))
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  rmSync(dirname(journal), { recursive: true, force: true })
})

const call = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 't', arguments: {} } })
const metrics = () => gateway.gateway.metrics.print()
const calls = () => stub.received.filter(({ body }) => body.includes('tools/call')).length

test('a call that cannot be recorded is refused with 503 and reaches no server', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await client.request('tools/list')
  const before = calls()
  lock()
  const response = await client.send(call('mine'))
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await response.json()).toMatchObject({ id: 'mine', error: { code: -33002 } })
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' })).status).toBe(503)
  expect(calls()).toBe(before)
  expect(await metrics()).toMatch(/^sallyport_store_writable 0$/m)
  expect(await metrics()).toMatch(/^sallyport_records_refused_total\{reason="record_unavailable"\} [1-9]/m)
})

test('an answer that cannot be recorded is withheld, and the caller is told that the call ran', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await client.request('tools/list')
  const before = calls()
  play = (id, response) => {
    lock()
    json(response, { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'not to be told' }] } })
  }
  const response = await client.send(call(7))
  const text = await response.text()
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  expect(JSON.parse(text)).toMatchObject({ id: 7, error: { code: -33002, data: { executed: true } } })
  expect(text).not.toContain('not to be told')
  expect(calls()).toBe(before + 1)
})

test('a call whose end could not be recorded is told as unknown as soon as it can be', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await client.request('tools/list')
  play = (id, response) => {
    lock()
    json(response, { jsonrpc: '2.0', id, result: { content: [] } })
  }
  const { error } = (await (await client.send(call(7))).json()) as { error: { data: { executed: boolean; decision_id: string } } }
  expect(error.data.executed).toBe(true)
  play = undefined
  unlock()
  while ((await client.request('tools/call', { name: 't', arguments: {} })).status !== 200) await new Promise((resolve) => setTimeout(resolve, 10))
  const reading = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { readOnly: true })
  const told = reading.prepare('SELECT outcome, closes FROM event WHERE exchange = ? ORDER BY n')
  while (told.all(error.data.decision_id).length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(told.all(error.data.decision_id)).toEqual([{ outcome: 'forwarded', closes: 0 }, { outcome: 'unknown', closes: 1 }])
  reading.close()
})

test('in a batch each element has its own fate', async () => {
  const client = await connect(gateway.mcp('stub'), token, '2025-03-26')
  await client.request('tools/list')
  play = (id, response) => json(response, { jsonrpc: '2.0', id, result: { content: [] } })
  const text = await (await client.send([call(1), { jsonrpc: '2.0', method: 'notifications/x' }, { ...call('two'), method: 'x/y' }, { ...call(3), params: { name: 'none' } }])).text()
  expect(text.match(/"id":(?:1|"two"|3),/g)).toHaveLength(3)
  lock()
  const refused = await (await client.send([call(4), { jsonrpc: '2.0', method: 'notifications/roots/list_changed' }, call('five')])).text()
  expect(refused.match(/"id":(?:4|"five"),"error":\{"code":-33002/g)).toHaveLength(2)
})

test('no session: a batch is answered as one request without a session is', async () => {
  const response = await post(gateway.mcp('stub'), token, [call(1)])
  expect(response.status).toBe(400)
})

test('a server that was started again while nothing could be recorded is greeted when it can be', async () => {
  const client = await connect(gateway.mcp('child'), await gateway.token({ subject: 'sam', groups: [] }, 'child'), '2025-11-25')
  await client.request('tools/call', { name: 'crash', arguments: {} })
  lock()
  expect((await client.request('tools/call', { name: 'echo', arguments: {} })).status).toBe(503)
  unlock()
  while ((await client.request('tools/call', { name: 'echo', arguments: {} })).status !== 200) await new Promise((resolve) => setTimeout(resolve, 10))
  const heard = readFileSync(journal, 'utf8').trim().split('\n')
  expect(heard.slice(heard.lastIndexOf('start') + 1)).toEqual(['got initialize', 'got notifications/initialized', 'got tools/call'])
})
