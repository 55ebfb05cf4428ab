import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../src/model.ts'
import { allowAll, connect, modernMeta, quiet, startGateway, type TestGateway } from '../support/gateway.ts'
import { until } from '../support/conditions.ts'
import { readMessages } from '../support/events.ts'
import { isRunning } from '../support/processes.ts'

const secret = 'very-secret-key-of-the-child'
const directory = mkdtempSync(join(tmpdir(), 'sallyport-stdio-'))
const journal = join(directory, 'journal')
const logged: string[] = []
const write: Logger['info'] = (message, fields) => void logged.push(JSON.stringify([message, fields]))
const logger: Logger = { ...quiet, info: write, warn: write, error: write }
let gateway: TestGateway
/** For children that keep it waiting; what a child takes to start on a busy machine would be too long for it. */
let hasty: TestGateway
let count = 0

beforeAll(async () => {
  const server = { command: process.execPath, args: ['--no-warnings', join(import.meta.dirname, '../support/stdio-server.ts'), journal], env: { API_SECRET_from: { env: 'CHILD_SECRET' } } }
  const start = (limits: object) => startGateway({ upstreams: { child: server }, rego: { 'policies/open/open.rego': allowAll }, env: { CHILD_SECRET: secret }, logger, settings: { limits: { children_per_person: 50, children: 50, ...limits } } })
  gateway = await start({})
  hasty = await start({ upstream_wait: '5s' })
})
afterAll(async () => {
  await gateway?.close()
  await hasty?.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(() => rmSync(journal, { force: true }))

const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n') : [])
const open = async (revision: string, by = gateway) => {
  const token = await by.token({ subject: `user-${(count += 1)}`, groups: [] }, 'child')
  return { token, client: await connect(by.mcp('child'), token, revision, { sampling: {} }) }
}
/** A client whose child is there: what it is waited for later is not its start. */
const openHasty = (revision: string) =>
  until(async () => {
    const opened = await open(revision, hasty).catch(() => undefined)
    return text((await opened?.client.request('tools/call', { name: 'echo', arguments: {} })) ?? {}) === 'done' && opened
  })
const text = (answer: { result?: Record<string, unknown> }) => (answer.result?.['content'] as { text: string }[] | undefined)?.[0]?.text

describe.each(['2025-11-25', '2026-07-28'])('%s', (revision) => {
  test.each([['garbage', 'done'], ['null_error', 'done'], ['twice', 'first'], ['last_words', 'last words']])('%s between the messages harms no call', async (name, wanted) => {
    const { client } = await open(revision)
    const slow = client.request('tools/call', { name: 'hang', arguments: {} })
    expect(text(await client.request('tools/call', { name, arguments: {} }))).toBe(wanted)
    if (name === 'last_words') await slow // until then the child may still be stopping
    expect(text(await client.request('tools/call', { name: 'echo', arguments: {} }))).toBe('done')
    if (name === 'last_words') return expect((await slow).error?.code).toBe(-33003)
    await client.request('tools/call', { name: 'release', arguments: {} })
    expect(text(await slow)).toBe('released')
  })

  test('a child that dies fails what it worked on, and the next call finds one that was greeted', async () => {
    const { client } = await open(revision)
    expect((await client.request('tools/call', { name: 'crash', arguments: {} })).error?.code).toBe(-33003)
    const answers = await Promise.all([1, 2, 3].map(() => client.request('tools/call', { name: 'echo', arguments: {} })))
    expect(answers.map(text)).toEqual(['done', 'done', 'done'])
    const second = lines().slice(lines().lastIndexOf('start') + 1)
    if (revision === '2025-11-25') expect(second.slice(0, 2)).toEqual(['got initialize', 'got notifications/initialized'])
    expect(second.indexOf('got tools/call')).toBeGreaterThanOrEqual(revision === '2025-11-25' ? 2 : 0)
    expect(second.filter((line) => line === 'got initialize')).toHaveLength(revision === '2025-11-25' ? 1 : 0)
  })

  test('a line over the limit fails the call, and so does silence', async () => {
    expect((await (await open(revision)).client.request('tools/call', { name: 'huge', arguments: {} })).error?.code).toBe(-33003)
    const { client } = await openHasty(revision)
    expect(await client.request('tools/call', { name: 'hang', arguments: {} })).toMatchObject({ status: 504, error: { code: -33003 } })
  })

  test('the child\'s own secret is in no answer and no log', async () => {
    const { client } = await open(revision)
    expect(text(await client.request('tools/call', { name: 'tell_secret', arguments: {} }))).toBe('key [CREDENTIAL]')
    while (!logged.some((line) => line.includes('my key is'))) await wait(5)
    expect(logged.join('\n')).not.toContain(secret)
  })

  test('a slow reader holds the child back', async () => {
    const { client } = await openHasty(revision)
    const params = { name: 'flood', arguments: {}, ...(revision === '2026-07-28' ? { _meta: modernMeta } : {}) }
    const headers = revision === '2026-07-28' ? { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call', 'mcp-name': 'flood' } : {}
    const response = await client.send({ jsonrpc: '2.0', id: 77, method: 'tools/call', params }, headers)
    const flooded = () => lines().filter((line) => line.startsWith('flood')).length
    // For longer than a silent server is waited for: one that is held back is not silent.
    for (let same = 0, before = -1; same < 14 || before < 5; await wait(400)) {
      same = before === flooded() ? same + 1 : 0
      before = flooded()
    }
    expect(flooded()).toBeLessThan(300)
    let last: unknown
    for await (const message of readMessages(response)) last = message
    expect(last).toMatchObject({ id: 77, result: { content: [{ text: 'done' }] } })
  })
})

test.each(['pour_noise', 'pour_blanks', 'pour_news', 'pour_complaints'])('a child that says much to nobody is held back, and others are served (%s)', async (name) => {
  const { client } = await open('2025-11-25')
  const { client: other } = await open('2025-11-25')
  await client.request('tools/call', { name, arguments: {} })
  await until(() => lines().includes('poured 1'))
  for (let call = 0; call < 20; call += 1) expect(text(await other.request('tools/call', { name: 'echo', arguments: {} }))).toBe('done')
  expect(lines().filter((line) => line.startsWith('poured')).length).toBeLessThan(100)
})

test('nobody listens to what a child leaves behind', async () => {
  const { client } = await open('2025-11-25')
  expect(text(await client.request('tools/call', { name: 'leave_behind', arguments: {} }))).toBe('done')
  await until(() => lines().includes('nobody reads'))
})

test('all of a batch waits until a child that was started again is greeted, the second time as well', async () => {
  const { client } = await open('2025-03-26')
  for (const time of ['first', 'second']) {
    await client.request('tools/call', { name: 'crash', arguments: {} })
    const batch = [1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: {} } }))
    const response = await client.send(batch)
    for await (const message of readMessages(response)) expect(text(message)).toBe('done')
    const since = lines().slice(lines().lastIndexOf('start') + 1)
    expect([time, ...since]).toEqual([time, 'got initialize', 'got notifications/initialized', ...batch.map(() => 'got tools/call')])
  }
})

test('the server hears of a cancellation under its own id, and its late answer harms nobody', async () => {
  const { client } = await open('2025-11-25')
  const cancelled = client.send({ jsonrpc: '2.0', id: 'mine', method: 'tools/call', params: { name: 'hang', arguments: {} } })
  while (!lines().includes('got tools/call')) await wait(5)
  const other = client.request('tools/call', { name: 'hang', arguments: {} })
  expect((await client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'mine' } })).status).toBe(202)
  while (!lines().includes('got notifications/cancelled known')) await wait(5)
  expect(text(await client.request('tools/call', { name: 'echo', arguments: {} }))).toBe('done')
  await client.request('tools/call', { name: 'release', arguments: {} })
  expect(text(await other)).toBe('released')
  await (await cancelled).text()
})

test('a modern client that leaves cancels its call at the child, and no other', async () => {
  const { client, token } = await open('2026-07-28')
  await client.request('tools/list')
  const other = client.request('tools/call', { name: 'hang', arguments: {} })
  const abort = new AbortController()
  const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: 'hang', arguments: {}, _meta: modernMeta } })
  const left = fetch(gateway.mcp('child'), { method: 'POST', signal: abort.signal, body, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'hang' } }).catch(() => undefined)
  while (lines().filter((line) => line === 'got tools/call').length < 2) await wait(5)
  abort.abort()
  await left
  while (!lines().includes('got notifications/cancelled known')) await wait(5)
  await client.request('tools/call', { name: 'release', arguments: {} })
  expect(text(await other)).toBe('released')
})

test('what the child asks goes to the stream of the call, and to the open stream where there is one', async () => {
  const { client, token } = await open('2025-11-25')
  const reply = { jsonrpc: '2.0', id: 'q1', result: { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'm' } }
  const ask = () => client.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'ask', arguments: {} } })
  const stream = readMessages(await ask())
  expect((await stream.next()).value).toMatchObject({ id: 'q1', method: 'sampling/createMessage' })
  expect((await client.send(reply)).status).toBe(202)
  expect(JSON.stringify((await stream.next()).value)).toContain('assistant')

  const get = await fetch(gateway.mcp('child'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-11-25' } })
  const asked = ask()
  expect((await readMessages(get).next()).value).toMatchObject({ id: 'q1' })
  await client.send(reply)
  expect(await (await asked).text()).toContain('assistant')
})

test.each(['it ends its session', 'the child dies'])('what a child has started itself ends with it when %s', async (how) => {
  const { client, token } = await open('2025-11-25')
  const pid = Number(text(await client.request('tools/call', { name: 'launch', arguments: {} })))
  expect(isRunning(pid)).toBe(true)
  if (how === 'the child dies') await client.request('tools/call', { name: 'crash', arguments: {} })
  else await fetch(gateway.mcp('child'), { method: 'DELETE', headers: { authorization: `Bearer ${token}`, 'mcp-session-id': client.session ?? '' } })
  await until(() => !isRunning(pid))
})
