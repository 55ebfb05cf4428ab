import { gzipSync } from 'node:zlib'
import { fc } from '../support/property.ts'
import type { Json } from '../../src/model.ts'
import { served } from '../../src/wire/methods.ts'
import { enter, legacyRevisions } from './corpus.ts'
import { call, envelope, limits, messageOf, META, post, refusal, text } from './posts.ts'

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
