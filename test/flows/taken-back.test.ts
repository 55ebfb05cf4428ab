import { startChanges, type Changes, type HeldChange } from '../support/changes.ts'
import { until } from '../support/conditions.ts'
import { messagesIn } from '../support/events.ts'
import { answerOf, modernMeta, post } from '../support/gateway.ts'

// Held calls of the newest revision whose clients leave, or take them back (MCP 2026-07-28 basic/patterns/cancellation).

let changes: Changes
beforeAll(async () => {
  changes = await startChanges()
})
afterAll(() => changes?.close())

/** A call of the newest revision whose stream its client can close. */
const begin = (secret: string, to: number, id = 7, meta: object = {}) => {
  const abort = new AbortController()
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'change', arguments: { to }, _meta: { ...modernMeta, ...meta } } })
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...modernCall }
  const asked = fetch(changes.url, { method: 'POST', signal: abort.signal, headers, body })
  return { asked, leave: () => abort.abort() }
}
const modernCall = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'change' }
const isPending = async (id: string) => (await changes.pending()).some((each) => each.id === id)
const stateOf = async (id: string) => (await changes.api<HeldChange>(`approvals/${id}`)).state
interface Recorded {
  readonly kind: string
  readonly method: string
  readonly outcome: string
  readonly decision: { readonly reasons: readonly { readonly code: string }[] }
}
const recordedOf = async (subject: string): Promise<readonly string[]> => {
  const [session] = (await changes.api<{ items: { id: string }[] }>(`sessions?actor=${subject}`)).items
  const { items } = await changes.api<{ items: Recorded[] }>(`sessions/${session?.id}/events`)
  return items.filter(({ method }) => method === 'tools/call').map(({ kind, outcome, decision }) => `${kind} ${outcome} ${decision.reasons[0]?.code}`)
}

const cancel = (secret: string, requestId: number) => post(changes.url, secret, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'notifications/cancelled' })

test('who closes the stream has cancelled; nothing runs, and the approval is there for the same call, made again', async () => {
  const secret = await changes.token('max')
  const { asked, leave } = begin(secret, 6)
  const id = await changes.held(6)
  expect((await asked).headers.get('content-type')).toBe('text/event-stream')
  leave()
  await until(async () => (await recordedOf('max')).includes('result dropped cancelled'))
  expect(await recordedOf('max')).toEqual(['request held change', 'result dropped cancelled'])
  expect(await changes.answer(6)).toMatchObject({ id, state: 'granted' })
  expect(changes.calls(6)).toBe(0)
  expect(await answerOf(await begin(secret, 6).asked)).toMatchObject({ result: { content: [{ text: 'changed {"to":6}' }] } })
  expect(await stateOf(id)).toBe('executed')
  expect(changes.calls(6)).toBe(1)
})

test('who says so has taken the call back: reviewers are not asked any more', async () => {
  const secret = await changes.token('mo')
  const { asked } = begin(secret, 7)
  const id = await changes.held(7)
  await asked
  expect((await cancel(secret, 7)).status).toBe(202)
  await until(async () => (await stateOf(id)) === 'withdrawn')
  expect(await isPending(id)).toBe(false)
  expect((await changes.api<{ status: number }>(`approvals/${id}/approve`, { reason: 'too late' })).status).toBe(409)
  // The same call, made again, is another call.
  const again = begin(secret, 7)
  expect(await changes.held(7)).not.toBe(id)
  await changes.answer(7)
  expect((await messagesIn(await again.asked)).at(-1)).toMatchObject({ result: { content: [{ text: 'changed {"to":7}' }] } })
  expect(changes.calls(7)).toBe(1)
})

test('a call that another one of the same caller waits with is not taken back from it', async () => {
  const secret = await changes.token('mia')
  const [one, other] = [begin(secret, 9, 1), begin(secret, 9, 2)]
  const id = await changes.held(9)
  await Promise.all([one.asked, other.asked])
  expect((await cancel(secret, 1)).status).toBe(202)
  await until(async () => (await recordedOf('mia')).includes('result dropped cancelled'))
  expect(await isPending(id)).toBe(true)
  await changes.answer(9)
  expect((await messagesIn(await other.asked)).at(-1)).toMatchObject({ result: { content: [{ text: 'changed {"to":9}' }] } })
  expect(changes.calls(9)).toBe(1)
})

test('where one call was taken back for good, reviewers are asked anew for the one that waits with it', async () => {
  const secret = await changes.token('moe')
  const task = await answerOf(await begin(secret, 10, 7, { 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } }).asked)
  const taskId = String(task.result?.['taskId'])
  const id = await changes.held(10)
  const other = begin(secret, 10, 8)
  await other.asked
  await answerOf(await post(changes.url, secret, { jsonrpc: '2.0', id: 9, method: 'tasks/cancel', params: { taskId, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tasks/cancel', 'mcp-name': taskId }))
  await until(async () => (await stateOf(id)) === 'withdrawn')
  expect(await changes.held(10)).not.toBe(id)
  await changes.answer(10)
  expect((await messagesIn(await other.asked)).at(-1)).toMatchObject({ result: { content: [{ text: 'changed {"to":10}' }] } })
  expect(changes.calls(10)).toBe(1)
})

test('a cancellation that could mean two calls cancels neither', async () => {
  const secret = await changes.token('mel')
  // Ids are one client process's own, and several may share a session.
  const both = [begin(secret, 11, 5), begin(secret, 12, 5)]
  const ids = [await changes.held(11), await changes.held(12)]
  expect((await cancel(secret, 5)).status).toBe(202)
  expect(await Promise.all(ids.map(stateOf))).toEqual(['pending', 'pending'])
  both[0]?.leave()
  await until(async () => (await recordedOf('mel')).includes('result dropped cancelled'))
  expect((await cancel(secret, 5)).status).toBe(202)
  expect(await messagesIn((await both[1]?.asked) as Response)).toEqual([])
  expect(await Promise.all(ids.map(stateOf))).toEqual(['pending', 'withdrawn'])
})
