import { pendingFor, refusalFor, refusedServerRequest, unknownFor, unknownMethodFor } from '../../src/enforce/refuse.ts'
import type { Decision, JsonObject } from '../../src/model.ts'
import { request, toolCall } from './support.ts'

const denied: Decision = {
  kind: 'deny',
  reasons: [
    { code: 'destructive_sql', message: 'DROP is not allowed here.', rule: 'crm/deny/destructive_sql', remedy: 'Ask for a change window', link: 'https://wiki.example/sql' },
    { code: 'bare', rule: 'crm/deny/bare' },
  ],
  risk: 0,
  listed: [],
  bundle: 'none',
}
const held: Decision = {
  kind: 'require_approval',
  reasons: [{ code: 'bulk_extract', message: 'more than 1000 rows', rule: 'crm/require_approval/bulk_extract' }],
  risk: 0,
  listed: [],
  bundle: 'none',
  mask: [],
  approval: { ttl: '15m', requirements: [] },
}
const facts = { decisionId: 'exg_1', executed: false }
const textOf = (envelope: JsonObject): string => (envelope['result'] as unknown as { content: [{ text: string }] }).content[0].text

test('a refused tool call is a result that the model can read', () => {
  const { envelope } = refusalFor(toolCall('query', {}), denied, facts)
  expect(envelope).toEqual({
    jsonrpc: '2.0',
    id: 7,
    result: {
      content: [
        {
          type: 'text',
          text: 'Refused by policy: DROP is not allowed here (destructive_sql). What to do: Ask for a change window. See https://wiki.example/sql; bare. The call was not executed.',
        },
      ],
      isError: true,
      _meta: { 'sallyport/decision': { kind: 'deny', reasons: denied.reasons, decision_id: 'exg_1', executed: false } },
    },
  })
})

test('in the modern era the result says that it is complete', () => {
  expect(refusalFor(toolCall('query', {}, '2026-07-28'), denied, facts).envelope['result']).toMatchObject({ resultType: 'complete', isError: true })
})

test('any other refused request is an error with the decision as data', () => {
  const { envelope } = refusalFor(request('resources/read', { uri: 'a://b' }), denied, facts)
  expect(envelope).toMatchObject({ id: 7, error: { code: -33001, data: { kind: 'deny', decision_id: 'exg_1', executed: false } } })
})

test('an answer that is withheld says that the call ran', () => {
  const { envelope } = refusalFor(toolCall('query', {}), denied, { ...facts, executed: true })
  expect(textOf(envelope)).toContain('The call was executed, but its answer is withheld.')
  expect(envelope['result']).toMatchObject({ _meta: { 'sallyport/decision': { executed: true } } })
})

test('a held call tells the model to call again, and names the approval and its end', () => {
  const approval = { id: 'apr_1', expiresAt: '2026-11-21T12:00:00.000Z' }
  const { envelope } = pendingFor(toolCall('export', {}), held, { ...facts, approval, follow: 'https://gw.example/console/approvals/apr_1' })
  expect(textOf(envelope)).toContain('Call the same tool again with the same arguments')
  expect(textOf(envelope)).toContain('apr_1')
  expect(textOf(envelope)).toContain(approval.expiresAt)
  expect(envelope['result']).toMatchObject({
    isError: true,
    _meta: { 'sallyport/decision': { kind: 'require_approval', approval_id: 'apr_1', expires_at: approval.expiresAt, follow: 'https://gw.example/console/approvals/apr_1', executed: false } },
  })
  expect(pendingFor(request('prompts/get', { name: 'a' }), held, { ...facts, approval }).envelope).toMatchObject({
    error: { code: -33001, data: { kind: 'require_approval', approval_id: 'apr_1' } },
  })
})

test('only the known members of a reason are told', () => {
  const decision = { ...denied, reasons: [{ code: 'a', rule: 'b/deny/a', secret: 'x' } as never] } satisfies Decision
  expect(JSON.stringify(refusalFor(toolCall('query', {}), decision, facts))).not.toContain('secret')
})

test.each([
  ['a tool', toolCall('drop', {}), -32602, 'Unknown tool: drop'],
  ['a tool whose call was not read', request('tools/call', { name: 'drop' }), -32602, 'Unknown tool: drop'],
  ['a prompt', request('prompts/get', { name: 'p' }), -32602, 'Unknown prompt: p'],
  ['a resource', request('resources/read', { uri: 'a://b' }), -32002, 'Resource not found'],
  ['a resource of the modern era', request('resources/read', { uri: 'a://b' }, { revision: '2026-07-28' }), -32602, 'Resource not found'],
  ['a subscription', request('resources/subscribe', { uri: 'a://b' }), -32002, 'Resource not found'],
  ['a task', request('tasks/get', { taskId: 'x' }), -32602, 'Task not found'],
  ['a method', request('x/y', {}), -32601, 'Method not found'],
  ['a method named like what every object has', request('constructor', {}), -32601, 'Method not found'],
] as const)('%s that is not allowed is unknown, without data', (_what, asked, code, message) => {
  expect(unknownFor(asked).envelope).toEqual({ jsonrpc: '2.0', id: 7, error: { code, message } })
})

test('a server is told no more than a client would say', () => {
  const asked = (method: string) => request(method, {}, { direction: 'to_client', id: 'srv-1' })
  expect(refusedServerRequest(asked('sampling/createMessage')).envelope).toEqual({ jsonrpc: '2.0', id: 'srv-1', error: { code: -1, message: 'User rejected sampling request' } })
  expect(refusedServerRequest(asked('roots/list')).envelope).toEqual({ jsonrpc: '2.0', id: 'srv-1', error: { code: -32601, message: 'Method not found' } })
  expect(unknownMethodFor(asked('x')).envelope).toMatchObject({ error: { code: -32601 } })
})
