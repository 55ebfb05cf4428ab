import { readFileSync } from 'node:fs'
import { callOf, keepListed, listOf, privateCaching } from '../../src/wire/call.ts'
import { isRawNumber, printJson, readJson } from '../../src/wire/json.ts'
import { methodOf, served } from '../../src/wire/methods.ts'
import { readRpc } from '../../src/wire/rpc.ts'
import type { RpcMessage } from '../../src/wire/rpc.ts'
import type { Json, JsonObject, Revision } from '../../src/model.ts'
import { methods as modern } from '../../src/wire/2026-07-28/methods.ts'
import { methods as newestLegacy } from '../../src/wire/2025-11-25/methods.ts'
import { enter, headersFor, samplesOf } from './corpus.ts'
import type { Sample } from './corpus.ts'

const limits = { request: 1 << 20, depth: 64 }

function read(sample: Sample): RpcMessage {
  const json = readJson(Buffer.from(JSON.stringify(sample.message)), { maxBytes: limits.request, maxDepth: limits.depth, twins: 'none' })
  const message = json.ok ? readRpc(json.value) : undefined
  if (message === undefined || message.kind === 'problem') throw new Error(`refused: ${JSON.stringify(json.ok ? message : json.problem)}`)
  return message
}

describe.each(served)('%s', (revision) => {
  const samples = samplesOf(revision)

  test.each(samples.map((sample, index) => [`${index} ${sample.direction} ${sample.kind} ${sample.method}`, sample] as const))('%s is read', (_name, sample) => {
    const message = read(sample)
    expect(message.kind).toBe(sample.kind)
    expect(JSON.parse(printJson(message.envelope))).toEqual(sample.message)
    expect(message.body).toEqual(sample.message['params'] ?? sample.message['result'] ?? sample.message['error'] ?? {})
    if (message.kind === 'request' || message.kind === 'notification') {
      expect(message.method).toBe(sample.method)
      expect(methodOf(revision, sample.direction, message.kind, message.method)).toBeDefined()
      const call = callOf(message.method, message.body)
      expect(call).toEqual(sample.call === undefined ? { kind: 'none' } : { kind: 'call', call: sample.call })
    }
    expect(listOf(sample.method, message.body)?.map(({ name }) => name)).toEqual(sample.entries)
  })

  test.each(samples.filter(({ direction }) => direction === 'to_server').map((sample, index) => [`${index} ${sample.kind} ${sample.method}`, sample] as const))(
    '%s passes the door',
    (_name, sample) => {
      if (revision === '2026-07-28' && sample.kind !== 'request' && sample.kind !== 'notification') return
      const door = enter(headersFor(revision, sample.message), Buffer.from(JSON.stringify(sample.message)), limits)
      const era = revision === '2026-07-28' ? 'modern' : 'legacy'
      const told = revision === '2024-11-05' && sample.method !== 'initialize' ? '2025-03-26' : revision
      expect(door).toMatchObject({ ok: true, era, revision: told, batch: false, messages: [{ kind: sample.kind, envelope: sample.message }] })
    },
  )

  test('the corpus has every method that the revision knows', () => {
    const seen = new Set(samples.filter(({ kind }) => kind === 'request' || kind === 'notification').map(({ direction, kind, method }) => `${direction} ${kind} ${method}`))
    const table = revision === '2026-07-28' ? modern : newestLegacy
    const known = (['to_server', 'to_client'] as const).flatMap((direction) =>
      (['request', 'notification'] as const).flatMap((kind) =>
        Object.keys(table[direction][kind])
          .filter((method) => methodOf(revision, direction, kind, method) !== undefined)
          .map((method) => `${direction} ${kind} ${method}`),
      ),
    )
    expect([...seen].sort()).toEqual(known.sort())
  })
})

test('an unknown revision has no corpus by mistake', () => {
  for (const revision of served) expect(readFileSync(new URL(`../corpus/${revision}/messages.json`, import.meta.url)).length).toBeGreaterThan(1000)
})

describe('methods', () => {
  const known = (revision: Revision, method: string) => methodOf(revision, 'to_server', 'request', method)

  test('belong to their revisions', () => {
    expect(known('2026-07-28', 'initialize')).toBeUndefined()
    expect(known('2026-07-28', 'ping')).toBeUndefined()
    expect(known('2026-07-28', 'resources/subscribe')).toBeUndefined()
    expect(known('2025-11-25', 'server/discover')).toBeUndefined()
    expect(known('2025-06-18', 'tasks/get')).toBeUndefined()
    expect(known('2025-11-25', 'tasks/get')).toEqual({ task: true })
    expect(methodOf('2025-03-26', 'to_client', 'request', 'elicitation/create')).toBeUndefined()
    expect(methodOf('2025-06-18', 'to_client', 'request', 'elicitation/create')).toEqual({ asks: 'client' })
    expect(methodOf('2026-07-28', 'to_client', 'request', 'sampling/createMessage')).toBeUndefined()
  })

  test.each(['Tools/Call', 'tools/call ', ' tools/call', 'tools//call', 'x/y', 'constructor', '__proto__', ''])('%j is unknown to all', (method) => {
    for (const revision of served) expect(known(revision, method)).toBeUndefined()
  })

  test('only calls may be held', () => {
    for (const revision of served) {
      const holdable = Object.keys({ ...modern.to_server.request, ...newestLegacy.to_server.request }).filter((method) => known(revision, method)?.holdable)
      expect(holdable.sort()).toEqual(['prompts/get', 'resources/read', 'tools/call'])
    }
  })
})

describe('lists', () => {
  const sampleOf = (revision: Revision, method: string, kind = 'result'): JsonObject =>
    samplesOf(revision).find((sample) => sample.method === method && sample.kind === kind)?.message ?? {}

  test.each(served)('keep the entries named, the cursor and all else (%s)', (revision) => {
    const message = sampleOf(revision, 'tools/list')
    const result = message['result'] as { tools: Json[] } & JsonObject
    const kept = keepListed(message, 'tools/list', [1])
    expect(kept).toEqual({ ...message, result: { ...result, tools: [result.tools[1]] } })
    expect(Object.keys(kept['result'] as object)).toEqual(Object.keys(result))
    expect(keepListed(message, 'tools/list', [])).toEqual({ ...message, result: { ...result, tools: [] } })
    expect(keepListed(message, 'tools/list', [0, 1])).toEqual(message)
    expect(result.tools).toHaveLength(2)
  })

  test('a subscription keeps the resources named', () => {
    const request = sampleOf('2026-07-28', 'subscriptions/listen', 'request')
    const kept = keepListed(request, 'subscriptions/listen', [1]) as { params: { notifications: object } }
    expect(kept.params.notifications).toEqual({ toolsListChanged: true, resourceSubscriptions: ['crm://customers/8'] })
    expect(listOf('subscriptions/listen', (request['params'] ?? {}) as JsonObject)?.map(({ kind, name, template }) => ({ kind, name, template }))).toEqual([
      { kind: 'resource', name: 'crm://customers/7', template: false },
      { kind: 'resource', name: 'crm://customers/8', template: false },
    ])
  })

  test('templates are told from resources', () => {
    const { result } = sampleOf('2025-11-25', 'resources/templates/list') as { result: JsonObject }
    expect(listOf('resources/templates/list', result)).toEqual([
      { kind: 'resource', name: 'crm://customers/{id}', template: true, value: { uriTemplate: 'crm://customers/{id}', name: 'customer' } },
    ])
  })

  test('what was filtered is nobody else’s', () => {
    const shared = sampleOf('2026-07-28', 'tools/list')
    expect(privateCaching(shared, true)).toEqual({ ...shared, result: { ...(shared['result'] as JsonObject), cacheScope: 'private', ttlMs: 0 } })
    const error: JsonObject = { jsonrpc: '2.0', id: 1, error: { code: 1, message: '' } }
    expect(privateCaching(shared, false)).toEqual({ ...shared, result: { ...(shared['result'] as JsonObject), cacheScope: 'private' } })
    expect(privateCaching(error, true)).toBe(error)
  })

  test.each([
    ['not an array', { tools: { 0: { name: 'a' } } }],
    ['an entry without a name', { tools: [{ name: 'a' }, { title: 'b' }] }],
    ['an entry that is no object', { tools: ['a'] }],
    ['a name that is a number', { prompts: [{ name: 7 }] }],
    ['a name spelt otherwise', { tools: [{ name: 'a', Name: 'b' }] }],
    ['a resource without a uri', { resources: [{ name: 'a' }] }],
    ['a template without a uriTemplate', { resourceTemplates: [{ uri: 'a' }] }],
  ])('a list that cannot be told by names is refused: %s', (_what, result) => {
    expect(readRpc({ jsonrpc: '2.0', id: 1, result } as JsonObject)).toMatchObject({ kind: 'problem', id: 1, code: -32600 })
  })

  test('params are never taken for a list', () => {
    expect(listOf('tools/list', { tools: [null, 1] })).toBeUndefined()
    expect(listOf('tools/list', {})).toBeUndefined()
    expect(listOf('constructor', {})).toBeUndefined()
  })
})

test('a raw number is no object, list or name', () => {
  const value = { tools: [JSON.rawJSON('1.0') as Json] }
  expect(isRawNumber(value.tools[0])).toBe(true)
  expect(listOf('tools/list', value)).toBeUndefined()
  expect(readRpc(value.tools[0] ?? null)).toMatchObject({ kind: 'problem' })
})
