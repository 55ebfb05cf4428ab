import { idKey, type Json, type JsonObject } from '../../src/model.ts'
import { rpcError } from '../../src/wire/answer.ts'
import { callOf } from '../../src/wire/call.ts'
import { progressTokenOf, subscriptionIdOf, withId, withProgressToken, withRequestId, withSubscriptionId } from '../../src/wire/envelope.ts'
import { readRpc } from '../../src/wire/rpc.ts'

const raw = (source: string): Json => JSON.rawJSON(source) as Json
const request = (changed: { readonly [name: string]: Json | undefined } = {}): JsonObject =>
  Object.fromEntries(Object.entries({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'query' }, ...changed }).filter(([, value]) => value !== undefined)) as JsonObject

describe('JSON-RPC', () => {
  test.each<[string, Json]>([
    ['no object', []],
    ['a string', 'tools/list'],
    ['null', null],
    ['an unknown member', request({ extra: 1 })],
    ['METHOD in the place of method', { jsonrpc: '2.0', id: 1, METHOD: 'tools/call' }],
    ['Method beside method', request({ Method: 'tools/list' })],
    ['no version', request({ jsonrpc: undefined })],
    ['another version', request({ jsonrpc: '1.0' })],
    ['a version that is a number', request({ jsonrpc: raw('2.0') })],
    ['id null', request({ id: null })],
    ['a fractional id', request({ id: 1.5 })],
    ['a fractional id that prints so', request({ id: raw('1.0') })],
    ['an id that is an object', request({ id: {} })],
    ['an id that is true', request({ id: true })],
    ['a method that is no string', request({ method: ['tools/call'] })],
    ['a method and a result', request({ result: {} })],
    ['a method and an error', request({ error: { code: 1, message: '' } })],
    ['neither method nor answer', { jsonrpc: '2.0', id: 1 }],
    ['a result and an error', { jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: '' } }],
    ['a result with params', { jsonrpc: '2.0', id: 1, result: {}, params: {} }],
    ['a result without id', { jsonrpc: '2.0', result: {} }],
    ['a result for id null', { jsonrpc: '2.0', id: null, result: {} }],
    ['a result that is no object', { jsonrpc: '2.0', id: 1, result: [] }],
    ['an error that is no object', { jsonrpc: '2.0', id: 1, error: 'no' }],
    ['an error without a code', { jsonrpc: '2.0', id: 1, error: { message: '' } }],
    ['an error with a code in a string', { jsonrpc: '2.0', id: 1, error: { code: '1', message: '' } }],
    ['an error without a message', { jsonrpc: '2.0', id: 1, error: { code: 1 } }],
    ['an error with a Message', { jsonrpc: '2.0', id: 1, error: { code: 1, message: '', Message: '' } }],
    ['an error for an id of no type', { jsonrpc: '2.0', id: {}, error: { code: 1, message: '' } }],
  ])('is not %s', (_what, value) => {
    expect(readRpc(value)).toMatchObject({ kind: 'problem', code: -32600 })
  })

  test.each<[string, JsonObject]>([
    ['params that are an array', request({ params: ['query'] })],
    ['params that are null', request({ params: null })],
    ['params that are a number', request({ params: raw('1.0') })],
    ['_meta that is no object', request({ params: { _meta: 'x' } })],
    ['a progress token that is no id', request({ params: { _meta: { progressToken: {} } } })],
    ...['Name', 'NAME', 'nAme', 'Arguments', 'URI', '_META', '_Meta', 'Cursor', 'Ref', 'requestSTATE', 'TaskId', 'tas\u212a', 'argument\u017f', 'Notifications'].map(
      (name): [string, JsonObject] => [`${name} in params`, request({ params: { [name]: 'x' } })],
    ),
    ...['ProgressToken', 'IO.modelcontextprotocol/protocolVersion', 'io.modelcontextprotocol/ClientCapabilities'].map(
      (name): [string, JsonObject] => [`${name} in _meta`, request({ params: { _meta: { [name]: 'x' } } })],
    ),
    ['a subscription to no list', request({ params: { notifications: { resourceSubscriptions: 'a' } } })],
    ['a subscription to a URI with a character that readers leave out', request({ params: { notifications: { resourceSubscriptions: ['docs://public/.\t./keys'] } } })],
    ['a subscription to no strings', request({ params: { notifications: { resourceSubscriptions: ['a', 1] } } })],
    ['input responses that are a list', request({ params: { inputResponses: [{ action: 'accept' }] } })],
    ['an input response that is no object', request({ params: { inputResponses: { a: 'accept' } } })],
    ['a request state that is no string', request({ params: { requestState: {} } })],
    ['a subscription spelt otherwise', request({ params: { notifications: { ResourceSubscriptions: ['a'] } } })],
  ])('has no %s', (_what, value) => {
    expect(readRpc(value)).toMatchObject({ kind: 'problem', code: -32602, id: 1 })
  })

  test.each(['Content', 'StructuredContent', 'isERROR', 'TOOLS', '_META', 'ResultType', 'InputRequests'])('has no %s in a result', (name) => {
    expect(readRpc({ jsonrpc: '2.0', id: 1, result: { [name]: 1 } })).toMatchObject({ kind: 'problem', id: 1 })
  })

  test.each<[string, JsonObject]>([
    ['input requests that are a list', { inputRequests: [{ method: 'roots/list' }] }],
    ['an input request without a method', { inputRequests: { a: { params: {} } } }],
    ['an input request with a Method', { inputRequests: { a: { method: 'roots/list', Method: 'sampling/createMessage' } } }],
    ['an input request with params that are a list', { inputRequests: { a: { method: 'roots/list', params: [] } } }],
    ['a request state that is no string', { requestState: 1 }],
  ])('has no %s', (_what, result) => {
    expect(readRpc({ jsonrpc: '2.0', id: 1, result })).toMatchObject({ kind: 'problem', id: 1 })
  })

  test('names of a caller’s own may be spelt as they like', () => {
    const params = { name: 'a', arguments: { Name: 1, URI: 2, constructor: { prototype: 1 } }, _meta: { 'example.com/Name': 1 }, toString: 1 }
    expect(readRpc(request({ params }))).toMatchObject({ kind: 'request', body: params })
  })

  test.each<Json>([0, -1, 1, 'a', '', '1', raw('9007199254740993')])('takes the id %j', (id) => {
    expect(readRpc(request({ id }))).toMatchObject({ kind: 'request', id })
  })

  test('takes errors whose sender could not read the id', () => {
    const error = { code: -32700, message: 'Parse error' }
    expect(readRpc({ jsonrpc: '2.0', id: null, error })).toMatchObject({ kind: 'error', id: null, body: error })
    expect(readRpc({ jsonrpc: '2.0', error })).toMatchObject({ kind: 'error', id: null })
  })

  test('a request without id is a notification', () => {
    expect(readRpc(request({ id: undefined }))).toMatchObject({ kind: 'notification', method: 'tools/call' })
  })

  test('a problem names the id under which to answer', () => {
    expect(readRpc(request({ extra: 1, id: 'a' }))).toMatchObject({ kind: 'problem', id: 'a' })
    expect(readRpc(request({ extra: 1, id: null }))).toMatchObject({ kind: 'problem', id: null })
  })

  test('ids differ by type and by every digit', () => {
    const ids = [1, '1', raw('9007199254740993'), raw('9007199254740992'), 's1', 'n1'].map((id) => idKey(id as string))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('envelopes', () => {
  const meta = 'io.modelcontextprotocol/'
  const call: JsonObject = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'a', _meta: { x: 1, progressToken: 'theirs', y: raw('1.0') }, arguments: {} },
  }

  test('take another id in its place', () => {
    expect(JSON.stringify(withId(call, 'ours'))).toBe(JSON.stringify(call).replace('"id":1', '"id":"ours"'))
    expect(call['id']).toBe(1)
  })

  test('take another progress token in its place', () => {
    expect(JSON.stringify(withProgressToken(call, 'ours'))).toBe(JSON.stringify(call).replace('theirs', 'ours'))
    const progress: JsonObject = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, progressToken: 'theirs', total: 2 } }
    expect(JSON.stringify(withProgressToken(progress, 7))).toBe(JSON.stringify(progress).replace('"theirs"', '7'))
  })

  test('take another request id and subscription id', () => {
    const cancelled: JsonObject = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { reason: 'late', requestId: 1 } }
    expect(withRequestId(cancelled, 'ours')).toEqual({ ...cancelled, params: { reason: 'late', requestId: 'ours' } })
    const ended: JsonObject = { jsonrpc: '2.0', id: 1, result: { _meta: { [`${meta}subscriptionId`]: 'ours' } } }
    expect(withSubscriptionId(ended, 3)).toEqual({ ...ended, result: { _meta: { [`${meta}subscriptionId`]: 3 } } })
  })

  test('tell what _meta says', () => {
    const body: JsonObject = { _meta: { progressToken: 3, [`${meta}subscriptionId`]: 's' } }
    expect([progressTokenOf(body), subscriptionIdOf(body)]).toEqual([3, 's'])
    for (const other of [{}, { _meta: 1 }, { _meta: { [`${meta}subscriptionId`]: true, progressToken: {} } }] as JsonObject[]) {
      expect([progressTokenOf(other), subscriptionIdOf(other)]).toEqual([undefined, undefined])
    }
  })

  test('of the gateway’s own are read like any other', () => {
    expect(readRpc(rpcError(null, -32700, 'no'))).toMatchObject({ kind: 'error', id: null, body: { code: -32700, message: 'no' } })
    expect(rpcError(raw('9007199254740993') as string, 1, 'no', { a: 1 })['error']).toEqual({ code: 1, message: 'no', data: { a: 1 } })
  })
})

describe('calls', () => {
  test.each<[string, JsonObject]>([
    ['tools/call', {}],
    ['tools/call', { name: ['query'] }],
    ['tools/call', { name: null }],
    ['tools/call', { name: raw('1.0') }],
    ['tools/call', { name: 'query', arguments: [] }],
    ['tools/call', { name: 'query', arguments: 'x' }],
    ['tools/call', { name: 'query', arguments: null }],
    ['tools/call', { name: 'query', arguments: raw('1.0') }],
    ['prompts/get', { name: 1 }],
    ['prompts/get', { name: 'a', arguments: [] }],
    ['resources/read', { uri: ['file:///a'] }],
    ['resources/read', { name: 'a' }],
    ['resources/subscribe', { uri: {} }],
    ['resources/unsubscribe', {}],
    ['tasks/get', { taskId: ['task-1'] }],
    ['tasks/cancel', {}],
    ['completion/complete', {}],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'a' } }],
    ['completion/complete', { ref: { type: 'ref/prompt' }, argument: { name: 'a', value: '' } }],
    ['completion/complete', { ref: { type: 'ref/resource', name: 'a' }, argument: { name: 'a', value: '' } }],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'a' }, argument: { name: 'a', value: '' } }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'a' }, argument: { name: 'a', value: 1 } }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'a' }, argument: { name: 'a', value: '' }, context: [] }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'a' }, argument: { name: 'a', value: '' }, context: { arguments: 'x' } }],
  ])('%s %j is a problem, not half a call', (method, body) => {
    expect(callOf(method, body).kind).toBe('problem')
  })

  test('without arguments have none', () => {
    expect(callOf('tools/call', { name: 'a' })).toEqual({ kind: 'call', call: { kind: 'tool', name: 'a', arguments: {}, template: false } })
  })

  test('other methods name nothing', () => {
    for (const method of ['tools/list', 'x/y', 'constructor', 'toString']) expect(callOf(method, { name: 1 })).toEqual({ kind: 'none' })
  })
})
