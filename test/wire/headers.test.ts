import type { Json, JsonObject } from '../../src/model.ts'
import { checkParamHeaders, mirrorParams, paramHeaders, readHead, readVisit } from '../../src/wire/door.ts'
import { millisOfWork } from '../support/work.ts'
import { headersFor } from './corpus.ts'

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

  test('of which there are hundreds are looked for in very many arguments at once', () => {
    const sent = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`mcp-param-${index}`, index === 7 ? '7.0' : 'no']))
    const args: JsonObject = { rows: [...Array.from({ length: 250_000 }, () => 'yes'), 7] }
    expect(millisOfWork(() => expect(mirrorParams({}, args, sent)).toEqual({ 'mcp-param-7': '7.0' }))).toBeLessThan(2_000)
  })
})
