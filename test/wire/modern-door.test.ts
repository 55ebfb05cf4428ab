import type { JsonObject } from '../../src/model.ts'
import { enter, headersFor } from './corpus.ts'
import { call, envelope, limits, messageOf, META, post, refusal, type Changes } from './posts.ts'

describe('the modern era', () => {
  const modern = '2026-07-28'
  const without = (name: string): JsonObject => {
    const meta = Object.fromEntries(Object.entries(envelope).filter(([key]) => key !== `${META}${name}`)) as JsonObject
    return { ...call(modern), params: { name: 'query', _meta: meta } }
  }
  const withMeta = (changed: JsonObject): JsonObject => ({ ...call(modern), params: { name: 'query', _meta: { ...envelope, ...changed } } })

  test.each<[string, JsonObject, Changes, string]>([
    ['another Mcp-Name', call(modern), { 'Mcp-Name': 'delete_file' }, '400 -32020'],
    ['an Mcp-Name in another case', call(modern), { 'Mcp-Name': 'Query' }, '400 -32020'],
    ['no Mcp-Name', call(modern), { 'Mcp-Name': undefined }, '400 -32020'],
    ['an Mcp-Name in broken base64', call(modern), { 'Mcp-Name': '=?base64?cXVlcnk?=' }, '400 -32020'],
    ['an Mcp-Name in base64 of another name', call(modern), { 'Mcp-Name': '=?base64?cXVlcnkx?=' }, '400 -32020'],
    ['an Mcp-Name for a body without name', messageOf(modern, 'tools/call'), { 'Mcp-Name': 'query' }, '400 -32020'],
    ['a broken Mcp-Name for a body without name', messageOf(modern, 'tools/call'), { 'Mcp-Name': '=?base64?x?=' }, '400 -32020'],
    ['a body without name', messageOf(modern, 'tools/call'), { 'Mcp-Name': undefined }, '400 -32602'],
    ['another uri', messageOf(modern, 'resources/read', { uri: 'file:///a' }), { 'Mcp-Name': 'file:///b' }, '400 -32020'],
    ['another task', messageOf(modern, 'tasks/get', { taskId: 'a' }), { 'Mcp-Name': 'b' }, '400 -32020'],
    ['another Mcp-Method', call(modern), { 'Mcp-Method': 'tools/list' }, '400 -32020'],
    ['an Mcp-Method in capitals', call(modern), { 'Mcp-Method': 'TOOLS/CALL' }, '400 -32020'],
    ['no Mcp-Method', call(modern), { 'Mcp-Method': undefined }, '400 -32020'],
    ['no MCP-Protocol-Version', call(modern), { 'MCP-Protocol-Version': undefined }, '400 -32020'],
    ['an MCP-Protocol-Version of the legacy era', call(modern), { 'MCP-Protocol-Version': '2025-11-25' }, '400 -32020'],
    ['a claim of the legacy era under a modern header', withMeta({ [`${META}protocolVersion`]: '2025-11-25' }), {}, '400 -32020'],
    ['an unknown revision in the body only', withMeta({ [`${META}protocolVersion`]: 'v999' }), {}, '400 -32020'],
    ['an unknown revision', withMeta({ [`${META}protocolVersion`]: 'v999' }), { 'MCP-Protocol-Version': 'v999' }, '400 -32022'],
    ['an unknown revision without header', withMeta({ [`${META}protocolVersion`]: 'v999' }), { 'MCP-Protocol-Version': undefined }, '400 -32022'],
    ['a claim of the legacy era', withMeta({ [`${META}protocolVersion`]: '2025-11-25' }), { 'MCP-Protocol-Version': '2025-11-25' }, '400 -32022'],
    ['no protocolVersion', without('protocolVersion'), {}, '400 -32602'],
    ['no clientCapabilities', without('clientCapabilities'), {}, '400 -32602'],
    ['clientCapabilities that are a list', withMeta({ [`${META}clientCapabilities`]: [] }), {}, '400 -32602'],
    ['a protocolVersion that is no string', withMeta({ [`${META}protocolVersion`]: 1 }), {}, '400 -32602'],
    ['a protocolVersion that is no string, and a legacy header', withMeta({ [`${META}protocolVersion`]: null }), { 'MCP-Protocol-Version': '2025-11-25' }, '400 -32602'],
    ['a clientInfo without name', withMeta({ [`${META}clientInfo`]: {} }), {}, '400 -32602'],
    ['no _meta', { ...call(modern), params: { name: 'query' } }, {}, '400 -32602'],
    ['initialize under a modern header', messageOf('2025-11-25', 'initialize'), { 'MCP-Protocol-Version': modern }, '400 -32020'],
    ['initialize with a broken claim', messageOf('2025-11-25', 'initialize', { _meta: { [`${META}protocolVersion`]: 1 } }), {}, '400 -32602'],
  ])('refuses %s, under the id of the request', (_what, message, changed, expected) => {
    const door = post(modern, message, changed)
    expect(refusal(door)).toBe(expected)
    expect(!door.ok && door.refusal.rpc?.id).toBe(1)
  })

  test('a refused revision is told which are served', () => {
    const door = post(modern, withMeta({ [`${META}protocolVersion`]: 'v999' }), { 'MCP-Protocol-Version': 'v999' })
    expect(!door.ok && door.refusal.rpc?.data).toEqual({ supported: ['2026-07-28'], requested: 'v999' })
  })

  test.each<[string, string]>([
    ['=?base64?cXVlcnk=?=', 'query'],
    ['  query\t', 'query'],
    ['=?base64?5p+l6K+i?=', '查询'],
    ['=?base64?IHBhZGRlZCA=?=', ' padded '],
    ['=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=', '=?base64?literal?='],
    ['=?base64?cXVlcnk', '=?base64?cXVlcnk'],
    ['=?BASE64?cXVlcnk=?=', '=?BASE64?cXVlcnk=?='],
  ])('Mcp-Name %j names %j', (header, name) => {
    expect(post(modern, messageOf(modern, 'tools/call', { name }), { 'Mcp-Name': header }).ok).toBe(true)
    expect(refusal(post(modern, messageOf(modern, 'tools/call', { name: `${name}x` }), { 'Mcp-Name': header }))).toBe('400 -32020')
  })

  test('header names may be written in any case', () => {
    const message = call(modern)
    const rawHeaders = headersFor(modern, message).map((part, index) => (index % 2 === 0 ? part.toUpperCase() : part))
    expect(enter(rawHeaders, Buffer.from(JSON.stringify(message)), limits).ok).toBe(true)
  })

  test('a value outside of ASCII is no header of the protocol’s', () => {
    expect(refusal(post(modern, messageOf(modern, 'tools/call', { name: 'qu\u00e9ry' }), { 'Mcp-Name': 'qu\u00e9ry' }))).toBe('400 -32020')
  })

  test('headers of sessions are nothing to it', () => {
    expect(post(modern, call(modern), { 'Mcp-Session-Id': 'x', 'Last-Event-ID': '7' }, '2025-11-25')).toMatchObject({ ok: true, era: 'modern', revision: modern })
  })

  test('a response of the client is refused', () => {
    for (const answer of [{ result: {} }, { error: { code: 1, message: '' } }]) {
      expect(refusal(post(modern, { jsonrpc: '2.0', id: 1, ...answer }))).toBe('400 -32600')
    }
    const claiming = { jsonrpc: '2.0', id: 1, result: { _meta: envelope } }
    expect(refusal(post('2025-11-25', claiming))).toBe('400 -32600')
  })

  test('a notification needs no headers, but may not contradict them', () => {
    const cancelled: JsonObject = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }
    const claiming: JsonObject = { ...cancelled, params: { requestId: 1, _meta: envelope } }
    expect(post(modern, claiming, { 'MCP-Protocol-Version': undefined, 'Mcp-Method': undefined })).toMatchObject({ ok: true, era: 'modern' })
    expect(post(modern, cancelled)).toMatchObject({ ok: true, era: 'modern', revision: modern })
    expect(refusal(post(modern, claiming, { 'Mcp-Method': 'tools/call' }))).toBe('400 -32020')
    expect(refusal(post(modern, cancelled, { 'Mcp-Method': 'tools/call' }))).toBe('400 -32020')
    expect(refusal(post(modern, claiming, { 'MCP-Protocol-Version': '2025-11-25' }))).toBe('400 -32020')
  })

  test('methods of the other era pass as what they are: unknown', () => {
    for (const method of ['initialize', 'ping', 'resources/subscribe', 'logging/setLevel']) {
      expect(post(modern, messageOf(modern, method), { 'MCP-Protocol-Version': modern })).toMatchObject({ ok: true, era: 'modern', messages: [{ method }] })
    }
  })
})
