import { gzipSync } from 'node:zlib'
import { fc } from '../support/property.ts'
import type { Json, JsonObject, Revision } from '../../src/model.ts'
import { checkParamHeaders, mirrorParams, paramHeaders, readHead, readVisit } from '../../src/wire/door.ts'
import type { Door } from '../../src/wire/door.ts'
import { served } from '../../src/wire/methods.ts'
import { enter, headersFor, legacyRevisions } from './corpus.ts'

const limits = { request: 1 << 20, depth: 64 }
const META = 'io.modelcontextprotocol/'
const envelope = { [`${META}protocolVersion`]: '2026-07-28', [`${META}clientCapabilities`]: {} }
type Changes = { readonly [name: string]: string | undefined }

function messageOf(revision: Revision, method: string, params: JsonObject = {}, id: Json | undefined = 1): JsonObject {
  const meta = revision === '2026-07-28' ? { _meta: { ...envelope, ...((params['_meta'] ?? {}) as JsonObject) } } : {}
  return { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method, params: { ...params, ...meta } }
}
/** Posts a message, or any text, with the headers that belong to the revision, changed as given. */
function post(revision: Revision, body: JsonObject | string | Uint8Array, changed: Changes | readonly string[] = {}, session?: Revision): Door {
  const message = typeof body === 'object' && !(body instanceof Uint8Array) ? body : messageOf(revision, 'tools/call', { name: 'query' })
  const rawHeaders = Array.isArray(changed) ? [...headersFor(revision, message), ...(changed as readonly string[])] : headersFor(revision, message, changed as Changes)
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body))
  return enter(rawHeaders, bytes, limits, session)
}
function refusal(door: Door): string {
  return door.ok ? `passed as ${door.era} ${door.revision}` : `${door.refusal.status} ${door.refusal.rpc?.code}`
}
const call = (revision: Revision): JsonObject => messageOf(revision, 'tools/call', { name: 'query', arguments: { sql: 'select 1' } })
const text = (revision: Revision): string => JSON.stringify(call(revision))

describe.each(served)('every door of %s', (revision) => {
  test('lets a plain call in', () => {
    expect(post(revision, call(revision), {}, revision === '2026-07-28' ? undefined : revision)).toMatchObject({
      ok: true,
      era: revision === '2026-07-28' ? 'modern' : 'legacy',
      revision,
      batch: false,
      messages: [{ kind: 'request', id: 1, method: 'tools/call', body: { name: 'query' } }],
    })
  })

  test.each<[string, (text: string) => string | Uint8Array]>([
    ['a repeated method', (body) => body.replace('"method"', '"method":"tools/list","method"')],
    ['a repeated name in another spelling', (body) => body.replace('"name":', '"\\u006eame":"other","name":')],
    ['a repeated argument', (body) => body.replace('"sql":', '"sql":"drop table t","sql":')],
    ['Method beside method', (body) => body.replace('"method"', '"Method":"tools/list","method"')],
    ['FF in a string', (body) => Buffer.from(body.replace('select', '\u00ff'), 'latin1')],
    ['a byte order mark', (body) => `\ufeff${body}`],
    ['a second object', (body) => `${body} ${body}`],
    ['a second object on its own line', (body) => `${body}\n${body}`],
    ['trailing garbage', (body) => `${body}x`],
    ['a number no double can hold', (body) => body.replace('"select 1"', '1e400')],
    ['a lone surrogate', (body) => body.replace('select', '\\ud800')],
    ['65 levels', (body) => body.replace('"select 1"', '['.repeat(65) + ']'.repeat(65))],
    ['100,000 levels', (body) => body.replace('"select 1"', '['.repeat(100_000) + ']'.repeat(100_000))],
    ['__proto__ in params', (body) => body.replace('"name":', '"__proto__":{"role":"admin"},"name":')],
    ['UTF-16', (body) => Buffer.from(body.replace('select', 'é'), 'utf16le')],
    ['gzip without saying so', (body) => gzipSync(body)],
    ['an empty body', () => ''],
  ])('refuses %s', (_what, change) => {
    expect(refusal(post(revision, change(text(revision))))).toBe('400 -32700')
  })

  test.each<[string, (text: string) => string, string]>([
    ['METHOD instead of method', (body) => body.replace('"method"', '"METHOD"'), '400 -32600'],
    ['id null', (body) => body.replace('"id":1', '"id":null'), '400 -32600'],
    ['another member', (body) => body.replace('"id":1', '"id":1,"x":1'), '400 -32600'],
    ['Name in params', (body) => body.replace('"name"', '"Name"'), '400 -32602'],
    ['a long s in arguments', (body) => body.replace('"arguments"', '"argument\u017f"'), '400 -32602'],
    ['arguments that are a list', (body) => body.replace('{"sql":"select 1"}', '[]'), '400 -32602'],
    ['a bare string', () => '"tools/call"', '400 -32600'],
  ])('refuses %s', (_what, change, expected) => {
    expect(refusal(post(revision, change(text(revision))))).toBe(expected)
  })

  test('keeps every digit of a large integer', () => {
    const door = post(revision, text(revision).replace('"select 1"', '9007199254740993'))
    expect(door.ok && JSON.stringify(door.messages[0]?.envelope)).toContain('"sql":9007199254740993')
  })

  test('constructor.prototype is data like any other', () => {
    const door = post(revision, text(revision).replace('"sql":', '"constructor":{"prototype":{"role":"admin"}},"sql":'))
    expect(door.ok && JSON.stringify(door.messages[0]?.envelope)).toContain('"constructor":{"prototype":{"role":"admin"}}')
    expect(({} as { role?: string }).role).toBeUndefined()
  })

  test.each(['text/plain', undefined, 'application/json-rpc', 'application/vnd.x+json', 'application/json; charset=utf-16le', 'application/json; charset=utf-8; x=1', 'application/jsonx', 'text/json, application/json', ''])(
    'refuses Content-Type %s',
    (type) => {
      expect(refusal(post(revision, call(revision), { 'Content-Type': type }))).toBe('415 -32000')
    },
  )

  test.each(['application/json', 'Application/JSON', 'application/json;charset=utf-8', 'application/json; charset="UTF-8" '])('takes Content-Type %s', (type) => {
    expect(post(revision, call(revision), { 'Content-Type': type }).ok).toBe(true)
  })

  test.each(['gzip', 'br', 'deflate', 'identity, gzip', 'x'])('refuses Content-Encoding %s', (encoding) => {
    expect(refusal(post(revision, gzipSync(text(revision)), { 'Content-Encoding': encoding }))).toBe('415 -32000')
  })

  test('refuses one byte too many', () => {
    expect(refusal(post(revision, text(revision).padEnd(limits.request + 1)))).toBe('413 -32000')
    expect(post(revision, text(revision).padEnd(limits.request)).ok).toBe(true)
  })

  test.each(['application/json', 'text/event-stream', 'application/json, text/event-stream;q=0', 'text/html', ''])('refuses Accept %j', (accept) => {
    expect(refusal(post(revision, call(revision), { Accept: accept }))).toBe('406 -32000')
  })

  test.each(['*/*', undefined, 'text/event-stream;q=0.5, application/*', 'application/json,text/event-stream'])('takes Accept %j', (accept) => {
    expect(post(revision, call(revision), { Accept: accept }).ok).toBe(true)
  })

  test.each(['Authorization', 'HOST', 'content-type', 'Origin', 'MCP-Protocol-Version', 'Mcp-Session-Id', 'Last-Event-ID', 'Content-Encoding'])('refuses a second %s', (name) => {
    expect(refusal(post(revision, call(revision), [name, 'identity', name.toLowerCase(), 'identity']))).toBe('400 -32600')
  })

  test.each(['Mcp-Name', 'mcp-method', 'Mcp-Param-Region'])('refuses a second %s, whatever it says', (name) => {
    expect(refusal(post(revision, call(revision), [name, 'query', name, 'query']))).toBe('400 -32020')
  })

  test('never throws', () => {
    for (const body of ['', '[', '[]', '{}', 'null', '1', '"a"', '[null]', '{"jsonrpc":"2.0"}']) {
      expect(post(revision, body).ok).toBe(false)
    }
  })
})

describe('a method that is nearly another', () => {
  test.each(['tools/call ', ' tools/call', 'Tools/Call', 'tools//call'])('%j is a method of its own', (method) => {
    for (const revision of served) {
      const message = messageOf(revision, method, { name: 'query' })
      const door = post(revision, message, revision === '2026-07-28' ? { 'Mcp-Method': method } : {})
      // The white space around a header's value is none of it, so such a method cannot be mirrored at all.
      if (revision === '2026-07-28' && method !== method.trim()) expect(refusal(door)).toBe('400 -32020')
      else expect(door).toMatchObject({ ok: true, messages: [{ method }] })
    }
  })
})

describe('batches', () => {
  const batch = (...messages: readonly Json[]): string => JSON.stringify(messages)
  const list = messageOf('2025-03-26', 'tools/list', {}, 2)

  test('are read in 2025-03-26, each message in its place', () => {
    expect(post('2025-03-26', batch(call('2025-03-26'), list))).toMatchObject({ ok: true, batch: true, revision: '2025-03-26', messages: [{ id: 1 }, { id: 2 }] })
    expect(post('2025-03-26', batch(call('2025-03-26')), {}, '2025-03-26')).toMatchObject({ ok: true, batch: true })
    expect(post('2025-03-26', batch({ jsonrpc: '2.0', id: 1, result: {} }, { jsonrpc: '2.0', method: 'notifications/initialized' }))).toMatchObject({ ok: true })
  })

  test.each(served.filter((revision) => revision !== '2025-03-26'))('are refused in %s', (revision) => {
    expect(refusal(post(revision, batch(call(revision), list), { 'MCP-Protocol-Version': revision }))).toBe('400 -32600')
    if (revision !== '2026-07-28') expect(refusal(post(revision, batch(call(revision)), { 'MCP-Protocol-Version': undefined }, revision))).toBe('400 -32600')
  })

  test('cannot be had by naming another revision than the session’s', () => {
    expect(refusal(post('2025-11-25', batch(call('2025-11-25')), { 'MCP-Protocol-Version': '2025-03-26' }, '2025-11-25'))).toBe('400 -32600')
  })

  test.each<[string, string, string]>([
    ['an empty one', '[]', '400 -32600'],
    ['one within another', batch([list]), '400 -32600'],
    ['one with something else', batch(list, 'x'), '400 -32600'],
    ['one with a bad message', batch(list, { ...list, extra: 1 }), '400 -32600'],
    ['one with half a call', batch(list, messageOf('2025-03-26', 'tools/call', { name: 1 })), '400 -32602'],
    ['one with a modern message', batch(list, call('2026-07-28')), '400 -32600'],
    ['one with a claim that is broken', batch(list, messageOf('2025-03-26', 'ping', { _meta: { [`${META}protocolVersion`]: 1 } })), '400 -32600'],
    ['initialize in company', batch(list, messageOf('2025-03-26', 'initialize', {}, 3)), '400 -32600'],
    ['one id twice', batch(list, list), '400 -32600'],
    ['101 messages', batch(...Array.from({ length: 101 }, (_, id) => ({ ...list, id }))), '400 -32600'],
  ])('refused: %s', (_what, body, expected) => {
    expect(refusal(post('2025-03-26', body))).toBe(expected)
  })

  test('100 messages, or initialize alone, pass', () => {
    expect(post('2025-03-26', batch(...Array.from({ length: 100 }, (_, id) => ({ ...list, id })))).ok).toBe(true)
    expect(post('2025-03-26', batch(messageOf('2025-03-26', 'initialize'))).ok).toBe(true)
  })
})

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

describe('the legacy era', () => {
  const plain = messageOf('2025-11-25', 'tools/list')

  test.each(legacyRevisions)('is told by the header: %s', (revision) => {
    expect(post(revision, plain, { 'MCP-Protocol-Version': revision })).toMatchObject({ ok: true, era: 'legacy', revision })
  })

  test('without a header it is the session’s revision, else 2025-03-26', () => {
    expect(post('2025-11-25', plain, { 'MCP-Protocol-Version': undefined }, '2025-06-18')).toMatchObject({ revision: '2025-06-18' })
    expect(post('2025-11-25', plain, { 'MCP-Protocol-Version': undefined })).toMatchObject({ revision: '2025-03-26' })
  })

  test.each(['2024-01-01', 'latest', '', '2025-11-25x'])('a header that names no revision is refused: %j', (version) => {
    const door = post('2025-11-25', plain, { 'MCP-Protocol-Version': version })
    expect(refusal(door)).toBe('400 -32000')
    expect(!door.ok && door.refusal.rpc?.id).toBe(1)
  })

  test('initialize is of the revision that it asks for', () => {
    for (const revision of legacyRevisions) {
      expect(post(revision, messageOf(revision, 'initialize', { protocolVersion: revision }))).toMatchObject({ ok: true, era: 'legacy', revision })
    }
    for (const asked of ['2026-07-28', '2099-01-01', 7]) {
      expect(post('2025-11-25', messageOf('2025-11-25', 'initialize', { protocolVersion: asked }))).toMatchObject({ ok: true, revision: '2025-11-25' })
    }
  })

  test('headers of the modern era are no part of it', () => {
    expect(post('2025-11-25', plain, { 'Mcp-Method': 'other', 'Mcp-Name': 'other' })).toMatchObject({ ok: true, era: 'legacy' })
  })

  test('answers of the client pass', () => {
    expect(post('2025-11-25', { jsonrpc: '2.0', id: 'srv-1', result: {} })).toMatchObject({ ok: true, messages: [{ kind: 'result', id: 'srv-1' }] })
  })
})

test('whatever is posted, the door answers; what it lets in is what was sent', () => {
  const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
  const message = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', '1.0'),
      id: fc.oneof(fc.nat(), anything),
      method: fc.constantFrom('tools/call', 'initialize', 'tools/list', 'notifications/cancelled', 'subscriptions/listen'),
      params: fc.record({ name: fc.oneof(fc.constant('query'), anything), arguments: anything, _meta: fc.constantFrom(envelope, {}, 1, { ...envelope, [`${META}protocolVersion`]: 7 }) }, { requiredKeys: [] }),
      result: anything,
    },
    { requiredKeys: ['jsonrpc', 'method'] },
  ) as fc.Arbitrary<Json>
  const body = fc.oneof(message, fc.array(message, { maxLength: 3 }) as fc.Arbitrary<Json>, anything)
  const header = fc.constantFrom('MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'Accept', 'X-Other')
  const value = fc.constantFrom('2026-07-28', '2025-11-25', '2025-03-26', 'tools/call', 'query', '*/*', '=?base64?x?=', '')
  fc.assert(
    fc.property(body, fc.array(fc.tuple(header, value), { maxLength: 4 }), (sent, headers) => {
      const text = JSON.stringify(sent)
      const door = enter(['Content-Type', 'application/json', ...headers.flat()], Buffer.from(text), limits)
      if (!door.ok) expect(door.refusal.status).toBeGreaterThanOrEqual(400)
      else expect(JSON.stringify(door.batch ? door.messages.map((one) => one.envelope) : door.messages[0]?.envelope)).toBe(text)
    }),
    { numRuns: 2000 },
  )
})

describe('GET and DELETE', () => {
  const base = ['Host', 'h', 'Accept', 'text/event-stream']

  test('are no methods of the modern era', () => {
    for (const method of ['GET', 'DELETE'] as const) {
      expect(readVisit([...base, 'MCP-Protocol-Version', '2026-07-28'], method)).toMatchObject({ ok: false, refusal: { status: 405, headers: { Allow: 'POST' } } })
    }
  })

  test('tell session, revision and where to resume', () => {
    const visit = readVisit([...base, 'mcp-protocol-version', '2025-11-25', 'MCP-Session-Id', 's', 'Last-Event-ID', '7'], 'GET')
    expect(visit).toMatchObject({ ok: true, revision: '2025-11-25', session: 's', lastEventId: '7' })
    expect(readVisit(base, 'GET')).toMatchObject({ ok: true, revision: undefined, session: undefined, lastEventId: undefined })
    expect(readVisit(['Host', 'h'], 'DELETE')).toMatchObject({ ok: true })
  })

  test.each<[readonly string[], number]>([
    [['Accept', 'application/json'], 406],
    [[...base, 'MCP-Protocol-Version', 'x'], 400],
    [[...base, 'Mcp-Session-Id', 'a', 'mcp-session-id', 'b'], 400],
    [[...base, 'Authorization', 'a', 'Authorization', 'a'], 400],
  ])('are refused for %j', (headers, status) => {
    expect(readVisit(headers, 'GET')).toMatchObject({ ok: false, refusal: { status } })
  })

  test('the head of a POST can be checked before its body', () => {
    expect(readHead(headersFor('2025-11-25', {}), 'POST')).toMatchObject({ ok: true })
    expect(readHead(headersFor('2025-11-25', {}, { 'Content-Type': 'text/plain' }), 'POST')).toMatchObject({ ok: false, refusal: { status: 415 } })
  })
})

describe('Mcp-Param headers', () => {
  const schema: Json = {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      limit: { type: 'integer', 'x-mcp-header': 'Limit' },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
      where: { type: 'object', properties: { tenant: { type: 'string', 'x-mcp-header': 'Tenant' } } },
      bad: { type: 'string', 'x-mcp-header': 'no token' },
      list: { type: 'array', items: { type: 'object', properties: { x: { type: 'string', 'x-mcp-header': 'X' } } } },
      constructor: { type: 'string', 'x-mcp-header': 'Constructor' },
    },
  }
  const check = (headers: readonly string[], args: JsonObject) => checkParamHeaders(headers, schema, args, 1)?.rpc?.code ?? 'agreed'
  const raw = (source: string): Json => JSON.rawJSON(source) as Json

  test.each<[readonly string[], JsonObject]>([
    [[], {}],
    [[], { region: null, bad: 'x', list: [{ x: 'y' }], other: 1 }],
    [['Mcp-Param-Region', 'eu'], { region: 'eu' }],
    [['mcp-param-REGION', ' eu '], { region: 'eu' }],
    [['Mcp-Param-Region', '=?base64?5LiW55WM?='], { region: '世界' }],
    [['Mcp-Param-Region', '=?base64?ZXU='], { region: '=?base64?ZXU=' }],
    [['Mcp-Param-Limit', '42'], { limit: 42 }],
    [['Mcp-Param-Limit', '42.0'], { limit: 42 }],
    [['Mcp-Param-Limit', '42'], { limit: raw('42.0') }],
    [['Mcp-Param-Limit', '9007199254740993'], { limit: raw('9007199254740993') }],
    [['Mcp-Param-Dry', 'true'], { dry: true }],
    [['Mcp-Param-Tenant', 'a'], { where: { tenant: 'a' } }],
    [['Mcp-Param-Unknown', 'x', 'Mcp-Param-X', 'y'], {}],
    [[], { region: { odd: true } }],
  ])('%j agree with %j', (headers, args) => {
    expect(check(headers, args)).toBe('agreed')
  })

  test.each<[readonly string[], JsonObject]>([
    [[], { region: 'eu' }],
    [['Mcp-Param-Region', 'us'], { region: 'eu' }],
    [['Mcp-Param-Region', 'EU'], { region: 'eu' }],
    [['Mcp-Param-Region', 'eu'], {}],
    [['Mcp-Param-Region', 'eu'], { region: null }],
    [['Mcp-Param-Region', 'eu'], { region: ['eu'] }],
    [['Mcp-Param-Region', '=?base64?SGVsbG8?='], { region: 'Hello' }],
    [['Mcp-Param-Region', '=?base64?SGVs!!!bG8=?='], { region: 'Hello' }],
    [['Mcp-Param-Region', '=?base64?/w==?='], { region: '\ufffd' }],
    [['Mcp-Param-Limit', '43'], { limit: 42 }],
    [['Mcp-Param-Limit', '0x2a'], { limit: 42 }],
    [['Mcp-Param-Limit', '9007199254740992'], { limit: raw('9007199254740993') }],
    [['Mcp-Param-Limit', '42'], { limit: '42.0' }],
    [['Mcp-Param-Dry', 'TRUE'], { dry: true }],
    [[], { where: { tenant: 'a' } }],
    [['Mcp-Param-Constructor', 'function Object() { [native code] }'], {}],
  ])('%j do not agree with %j', (headers, args) => {
    expect(check(headers, args)).toBe(-32020)
  })

  test('a tool of which nothing is known mirrors nothing', () => {
    expect(checkParamHeaders(['Mcp-Param-Region', 'eu'], undefined, {})).toBeUndefined()
  })

  test('those to pass on are all that were sent', () => {
    expect(paramHeaders(['Host', 'h', 'Mcp-Param-Region', 'eu', 'mcp-param-unknown', 'x', 'Mcp-Name', 'n'])).toEqual({ 'Mcp-Param-Region': 'eu', 'mcp-param-unknown': 'x' })
  })

  test('changed arguments are mirrored anew, and agree', () => {
    const args: JsonObject = { region: ' 世界\n', limit: raw('1e3'), dry: false, where: { tenant: '=?base64?x?=' } }
    const headers = mirrorParams(schema, args)
    expect(headers).toEqual({
      'Mcp-Param-Region': '=?base64?IOS4lueVjAo=?=',
      'Mcp-Param-Limit': '1e3',
      'Mcp-Param-Dry': 'false',
      'Mcp-Param-Tenant': '=?base64?PT9iYXNlNjQ/eD89?=',
    })
    expect(check(Object.entries(headers).flat(), args)).toBe('agreed')
  })
})
