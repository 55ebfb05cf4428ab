import { createHash } from 'node:crypto'
import { fc } from '../support/property.ts'
import { quickWith } from '../../src/core/rooms.ts'
import { createDetectors } from '../../src/detect/index.ts'
import { scan } from '../../src/detect/scan.ts'
import { omitLargeBlobs } from '../../src/enforce/omit.ts'
import { redact, redactText } from '../../src/enforce/redact.ts'
import type { Json, JsonObject, Mask, Message, Result } from '../../src/model.ts'
import { readJson } from '../../src/wire/json.ts'
import { millisOfWork } from '../support/work.ts'
import { byDetector, byPath, card, detectors, mail, mask, maskedBody, notification, quick, request, rescan, result, ssn, toolCall } from './support.ts'

const stored = (message: Message, masks: readonly Mask[] = []) => redact(message, rescan(message.body), masks, rescan)

test('values, member names, ids, methods, call names, URIs and progress tokens are all replaced', () => {
  const params: JsonObject = { name: mail, arguments: { [ssn]: { [mail]: card }, n: 4111111111111111 }, uri: `a://${mail}`, _meta: { progressToken: ssn } }
  const message = request(`x/${mail}`, params, { id: card, call: { kind: 'tool', name: mail, arguments: {}, annotations: {}, template: false } })
  const copy = stored(message)
  expect(copy).toEqual({
    call: '[MASKED]',
    method: 'x/[MASKED]',
    envelope: {
      jsonrpc: '2.0',
      id: '[MASKED]',
      method: 'x/[MASKED]',
      params: { name: '[MASKED]', arguments: { '[MASKED]': { '[MASKED]': '[MASKED]' }, n: '[MASKED]' }, uri: 'a://[MASKED]', _meta: { progressToken: '[MASKED]' } },
    },
  })
})

test('whatever an id is, less is looked at for the same copy of it', () => {
  const id = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), fc.constantFrom(card, ssn, mail, 123456789, 4111111111111111, 4.111e15, '4.111111111111111e15', 'secret', `x${ssn}`, 'a\\b', 'x'.repeat(40), '\u200b', null, true, JSON.rawJSON('4111111111111111000') as unknown as Json, { a: card }))
  const finders = fc.constantFrom(detectors, createDetectors({ short: (text) => (text === '7' || text === 'id' ? [{ start: 0, end: text.length }] : []) }), createDetectors({ none: () => [] }))
  let kept = 0
  fc.assert(
    fc.property(fc.oneof({ weight: 3, arbitrary: id }, { weight: 1, arbitrary: fc.constant(7) }), finders, (one, all) => {
      const message = { ...request('tools/call', { name: 'x' }), envelope: { jsonrpc: '2.0', id: one, method: 'tools/call', params: { name: 'x' } } }
      const look = (body: Json) => scan(body, all)
      const quickly = redact(message, look(message.body), [], look, quickWith(all))
      expect(quickly).toEqual(redact(message, look(message.body), [], look))
      if (quickly.envelope['id'] === one) kept++
    }),
    { numRuns: 1000 },
  )
  expect(kept).toBeGreaterThan(300)
  expect(kept).toBeLessThan(950)
})

test('names that become equal are told apart, and members keep their order', () => {
  const body = { first: 1, [ssn]: 2, '234-56-7890': 3, last: 4 }
  expect(JSON.stringify(stored(result({ content: [], structuredContent: body })).envelope['result'])).toBe(
    '{"content":[],"structuredContent":{"first":1,"[MASKED]":2,"[MASKED] 2":3,"last":4}}',
  )
})

test('so do thousands of them, without looking through all that came before for each', () => {
  const names = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`user${index}@example.com`, index]))
  const message = result({ content: [], structuredContent: names })
  let copy: ReturnType<typeof stored> | undefined
  expect(millisOfWork(() => (copy = stored(message)))).toBeLessThan(4_000)
  const kept = (copy?.envelope['result'] as JsonObject)['structuredContent'] as JsonObject
  expect(Object.keys(kept)).toEqual(['[MASKED]', ...Array.from({ length: 19_999 }, (_, index) => `[MASKED] ${index + 2}`)])
  expect(Object.values(kept)).toEqual(Object.values(names))
})

test('masked places are replaced whatever placeholder the policy gave, in JSON texts as well', () => {
  const structured = { pay: 100, n: 1 }
  const message = result({ content: [{ type: 'text', text: JSON.stringify(structured, null, 2) }], structuredContent: structured })
  expect(stored(message, [byPath('/structuredContent/pay', { with: 0 })]).envelope['result']).toEqual({
    content: [{ type: 'text', text: '{"pay":"[MASKED]","n":1}' }],
    structuredContent: { pay: '[MASKED]', n: 1 },
  })
})

test('a mask over the whole body or a broken one leaves nothing of the body', () => {
  const message = result({ content: [{ type: 'text', text: 'a' }] })
  expect(stored(message, [byPath('')]).envelope).toEqual({ jsonrpc: '2.0', id: 7, result: '[MASKED]' })
  expect(stored(message, [byPath('broken')]).envelope).toEqual({ jsonrpc: '2.0', id: 7, result: '[MASKED]' })
})

test('of a JSON text nested deeper than a stack nothing is stored that a mask covers', () => {
  for (const name of ['n', '\\\\']) {
    const text = `{"pay":"hidden","${name}":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    expect(JSON.stringify(stored(result({ content: [{ type: 'text', text }] }), [byPath('/structuredContent/pay')]).envelope)).not.toContain('hidden')
  }
})

test('a text that is nested too deeply to be looked into goes whole, and hides nothing else of a call', () => {
  const note = `{"ssn":"${ssn}","x":"\\n","more":${'['.repeat(300)}${']'.repeat(300)}}`
  for (const [shown, wanted] of [[{ sql: 'DROP TABLE a', note }, { sql: 'DROP TABLE a', note: '[MASKED]' }], [{ note, mail }, { note: '[MASKED]', mail: '[MASKED]' }]]) {
    expect(stored(toolCall('query', shown as JsonObject)).envelope['params']).toEqual({ name: 'query', arguments: wanted })
  }
})

test('a message without anything to hide is stored as it is', () => {
  const message = notification('notifications/progress', { progressToken: 1, progress: 2 })
  expect(stored(message)).toEqual({ call: null, method: 'notifications/progress', envelope: message.envelope })
  expect(stored(message).envelope).toBe(message.envelope)
  expect(stored(toolCall('query', {})).call).toBe('query')
  expect(stored(result({ content: [] })).call).toBe('query')
})

test('a message without a body gets none', () => {
  const bare = request('ping', {})
  expect(stored({ ...bare, envelope: { jsonrpc: '2.0', id: 7, method: 'ping' } }).envelope).toEqual({ jsonrpc: '2.0', id: 7, method: 'ping' })
})

test('large data and blobs are left out with size, digest and type; small ones stay', () => {
  const bytes = Buffer.alloc(70_000, 0x89)
  const small = Buffer.alloc(60_000, 0x89).toString('base64')
  const omitted = { omitted: { bytes: 70_000, sha256: createHash('sha256').update(bytes).digest('hex'), mime_type: 'image/png' } }
  const body = {
    content: [
      { type: 'image', mimeType: 'image/png', data: bytes.toString('base64') },
      { type: 'image', mimeType: 'image/png', data: small },
      { type: 'resource', resource: { uri: 'a://b', mimeType: 'image/png', blob: bytes.toString('base64') } },
      { type: 'text', text: 'x'.repeat(100_000) },
    ],
  }
  const wanted = {
    content: [
      { type: 'image', mimeType: 'image/png', data: omitted },
      { type: 'image', mimeType: 'image/png', data: small },
      { type: 'resource', resource: { uri: 'a://b', mimeType: 'image/png', blob: omitted } },
      { type: 'text', text: 'x'.repeat(100_000) },
    ],
  }
  expect(omitLargeBlobs(body)).toEqual(wanted)
  expect(stored(result(body)).envelope['result']).toEqual(wanted)
  const none = { content: [{ type: 'image', mimeType: 'image/png', data: small }] }
  expect(omitLargeBlobs(none)).toBe(none)
})

test('what is omitted is the same, whether the length of every text is known or not', () => {
  const blob = 'ab'.repeat(50_000)
  const bodies = [
    { content: [{ type: 'resource', resource: { uri: 'a://b', blob } }, { type: 'text', text: ssn }] },
    { content: [{ type: 'resource', resource: { uri: 'a://b', blob: 'ab' } }, { type: 'text', text: ssn }] },
    { content: [{ type: 'resource', resource: { uri: 'a://b', blob } }] },
  ]
  for (const body of bodies) {
    // the placeholder itself is as long as what is omitted
    for (const masks of [[], [byDetector('us_ssn')], [byPath('/content/0/resource/blob', { with: blob })]]) {
      const message = arrived(result(body))
      const masked = mask(message, masks)
      if (!masked.ok) throw new Error(masked.detail)
      const { envelope } = redact(masked.message, masked.scan, [], rescan, quick)
      expect(envelope).toEqual(redact(masked.message, rescan(masked.message.body), [], rescan).envelope)
      expect(JSON.stringify(envelope).includes('omitted')).toBe(body !== bodies[1] || masks[0]?.with === blob)
    }
  }
})

/** With the text that it was parsed from. */
function arrived(message: Result): Result {
  const read = readJson(Buffer.from(JSON.stringify(message.envelope)), { maxBytes: 1e6, maxDepth: 64, twins: 'none' })
  if (!read.ok) throw new Error(read.problem.message)
  return result((read.value as JsonObject)['result'] as JsonObject)
}

test('the digest of a large text that held secrets is that of the redacted text', () => {
  const text = `${ssn}\n${'a b c\n'.repeat(20_000)}`
  const blob = Buffer.from(text).toString('base64')
  const clean = Buffer.from(text.replace(ssn, '[MASKED]'))
  expect(stored(result({ contents: [{ uri: 'a://b', blob }] }, { method: 'resources/read' })).envelope['result']).toEqual({
    contents: [{ uri: 'a://b', blob: { omitted: { bytes: clean.length, sha256: createHash('sha256').update(clean).digest('hex'), mime_type: null } } }],
  })
})

test('a text by itself is redacted', () => {
  expect(redactText(`no ${ssn} for ${mail}`, detectors)).toBe('no [MASKED] for [MASKED]')
})

const canaries = [ssn, card, mail, '4222222222222', `AKIA${'IOSFODNN7EXAMPLE'}`, `xoxb-${'123456789012-abcdefghij'}`]
const word = fc.constantFrom(...canaries, 'plain', 'a b', 'ä', '', '__proto__', '{', '"')
const phrase = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(' '))
const node = fc.letrec<{ node: Json }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    phrase,
    fc.constant<Json>(4111111111111111),
    phrase.map((text) => JSON.stringify({ [text]: [text, 4111111111111111] })),
    phrase.map((text) => ({ type: 'resource', blob: Buffer.from(text).toString('base64') })),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.array(fc.tuple(phrase, tie('node')), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)),
  ),
})).node

test('no canary is left in the stored copy of any message', () => {
  fc.assert(
    fc.property(node, phrase, phrase, (value, id, method) => {
      const message = request(method, { value, structuredContent: value, content: [{ type: 'text', text: JSON.stringify(value) }] }, { id })
      const copy = stored(message)
      const blobs: string[] = []
      const printed = JSON.stringify(copy, (key, inner: unknown) => {
        if (key === 'blob' && typeof inner === 'string') blobs.push(Buffer.from(inner, 'base64').toString())
        return inner
      })
      for (const canary of [...canaries, '4111111111111111']) expect(`${printed} ${blobs.join(' ')}`).not.toContain(canary)
    }),
    { numRuns: 400 },
  )
})

test('a name that is clean beside one method is looked at beside every other that reads the same in a row', () => {
  const anchored = createDetectors({ staff: (text) => (/^staff-\d+\s*$/.test(text) ? [{ start: 0, end: text.length }] : []) })
  const look = (body: Json) => scan(body, anchored)
  const named = (method: string, name: string) => {
    const message = request(method, {}, name === '' ? {} : { call: { kind: 'tool', name, arguments: {}, annotations: {}, template: false } })
    return redact(message, look({}), [], look)
  }
  expect(named('tools/call\nstaff-17', '').method).toBe('tools/call\nstaff-17')
  expect(named('tools/call', 'staff-17\n').call).toBe('[MASKED]')
})

test('very many texts beside structured content are compared with it, and masked like it, once', () => {
  const escaped = { ssn, note: 'a "word"' }
  const same = result({ structuredContent: escaped, content: Array.from({ length: 8_000 }, () => ({ type: 'text', text: JSON.stringify(escaped) })) })
  const large = result({ structuredContent: { rows: Array.from({ length: 8_000 }, (_, index) => ({ ssn, index })) }, content: Array.from({ length: 8_000 }, (_, index) => ({ type: 'text', text: `{\\${index}` })) })
  for (const message of [same, large]) {
    const scan = rescan(message.body)
    expect(millisOfWork(() => expect(JSON.stringify(redact(message, scan, [], rescan, quick).envelope)).not.toContain(ssn))).toBeLessThan(6_000)
    expect(millisOfWork(() => expect(JSON.stringify(maskedBody(message, [byDetector('us_ssn')]))).not.toContain(ssn))).toBeLessThan(6_000)
  }
})
