import { checkOf } from '../../src/enforce/output-schema.ts'
import { plainWeight } from '../../src/enforce/plain-schema.ts'
import type { Json, JsonObject } from '../../src/model.ts'
import { byDetector, byPath, codeOf, mask, maskedBody, result, ssn } from './support.ts'
import { millisOfWork } from '../support/work.ts'

const object = (properties: Json, required: readonly string[] = [], more: { readonly [key: string]: Json } = {}): Json => ({ type: 'object', properties, required, ...more })
const answer = (structured: { readonly [key: string]: Json }, revision: '2025-11-25' | '2026-07-28' = '2025-11-25') =>
  result({ content: [{ type: 'text', text: JSON.stringify(structured, null, 1) }], structuredContent: structured }, { revision })
const bothAre = (body: { readonly [key: string]: Json }, wanted: Json): void => {
  expect(body['structuredContent']).toEqual(wanted)
  const [block] = body['content'] as unknown as [{ text: string }]
  expect(JSON.parse(block.text)).toEqual(wanted)
}

test('a placeholder that the schema admits stands', () => {
  bothAre(maskedBody(answer({ ssn }), [byDetector('us_ssn')], object({ ssn: { type: 'string' } }, ['ssn'])), { ssn: '[MASKED]' })
})

test('null stands where the schema refuses the placeholder and admits null', () => {
  const schema = object({ pay: { type: ['number', 'null'] } }, ['pay'])
  bothAre(maskedBody(answer({ pay: 100 }), [byPath('/structuredContent/pay')], schema), { pay: null })
})

test('an optional property goes where neither is admitted', () => {
  const schema = object({ pay: { type: 'number' }, id: { type: 'number' } }, ['id'])
  bothAre(maskedBody(answer({ id: 1, pay: 100 }), [byPath('/structuredContent/pay')], schema), { id: 1 })
})

test('a required property without a valid mask refuses the answer', () => {
  expect(codeOf(mask(answer({ pay: 100 }), [byPath('/structuredContent/pay')], object({ pay: { type: 'number' } }, ['pay'])))).toBe('mask_impossible')
})

test.each([
  ['a format', { type: 'string', format: 'email' }],
  ['a pattern', { type: 'string', pattern: '^[0-9-]+$' }],
  ['an enumeration', { enum: [ssn] }],
  ['a longest length', { type: 'string', maxLength: 4 }],
])('%s that the placeholder does not meet counts as a refusal', (_what, property) => {
  bothAre(maskedBody(answer({ id: 1, x: ssn }), [byDetector('us_ssn')], object({ id: {}, x: property as Json })), { id: 1 })
})

test('rows are repaired alike, each kind of place by itself', () => {
  const rows = [1, 2, 3].map((id) => ({ id, ssn, pay: id }))
  const schema = object({ rows: { type: 'array', items: object({ id: { type: 'number' }, ssn: { type: 'string' }, pay: { type: ['number', 'null'] } }, ['id', 'ssn']) } })
  bothAre(maskedBody(answer({ rows }), [byDetector('us_ssn'), byPath('/structuredContent/rows/*/pay')], schema), {
    rows: [1, 2, 3].map((id) => ({ id, ssn: '[MASKED]', pay: null })),
  })
})

test('tens of thousands of rows are gone through once', () => {
  const rows = Array.from({ length: 40_000 }, (_, id) => ({ id, mail: `user${id}@example.com` }))
  const schema = object({ rows: { type: 'array', items: object({ mail: { type: ['number', 'null'] } }) } })
  const message = result({ content: [], structuredContent: { rows } })
  expect(millisOfWork(() => expect(maskedBody(message, [byDetector('email')], schema)['structuredContent']).toEqual({ rows: rows.map(({ id }) => ({ id, mail: null })) }))).toBeLessThan(5_000)
})

test('an element of an array is never dropped', () => {
  const schema = object({ list: { type: 'array', items: { type: 'number' } } })
  expect(codeOf(mask(answer({ list: [1, 2] }), [byPath('/structuredContent/list/0')], schema))).toBe('mask_impossible')
})

test('alternatives in the schema are tried through', () => {
  const schema = object({ v: { anyOf: [{ type: 'number' }, { type: 'null' }] } }, ['v'])
  bothAre(maskedBody(answer({ v: 5 }), [byPath('/structuredContent/v')], schema), { v: null })
})

test('$schema chooses the dialect: prefixItems means nothing in draft-07', () => {
  const schema = (dialect?: string): Json => ({
    ...(dialect === undefined ? {} : { $schema: dialect }),
    ...(object({ v: { type: 'array', prefixItems: [{ type: 'number' }] } }, ['v']) as object),
  })
  const run = (dialect?: string): string => codeOf(mask(answer({ v: [5] }), [byPath('/structuredContent/v/0')], schema(dialect)))
  expect(run()).toBe('mask_impossible')
  expect(run('https://json-schema.org/draft/2020-12/schema')).toBe('mask_impossible')
  expect(run('http://json-schema.org/draft-07/schema#')).toBe('ok')
})

test('an answer that is an error is not held to the schema', () => {
  const message = result({ isError: true, content: [], structuredContent: { pay: 1 } })
  expect(codeOf(mask(message, [byPath('/structuredContent/pay')], object({ pay: { type: 'number' } }, ['pay'])))).toBe('ok')
})

test('the schema is not asked where nothing in the structured content is masked', () => {
  const message = result({ content: [{ type: 'text', text: ssn }], structuredContent: { a: 1 } })
  expect(codeOf(mask(message, [byDetector('us_ssn')], { $ref: 'https://nowhere.example/schema' }))).toBe('ok')
})

const doublingOf = (levels: number): Json => ({
  $defs: Object.fromEntries(
    Array.from({ length: levels }, (_, at) => [`d${at}`, at === levels - 1 ? { type: 'object' } : { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] }]),
  ),
  $ref: '#/$defs/d0',
})

describe('a hostile schema refuses the answer in bounded time', () => {
  test.each<[string, Json, string]>([
    ['a reference to elsewhere', { $ref: 'https://nowhere.example/schema' }, ssn],
    ['no object', 'x', ssn],
    ['an unknown type', { type: 'strange' }, ssn],
    ['a keyword of the wrong shape', { properties: 3, required: {} }, ssn],
    ['a pattern that is none', object({ a: { pattern: '(' } }), ssn],
    ['a pattern that backtracks', object({ a: { pattern: '^(\\w+\\s?)*$' } }), `${'a'.repeat(40)}! ${ssn}`],
    ['references that double', doublingOf(40), ssn],
    ['a schema of many megabytes', object({ a: { description: 'x'.repeat(2_000_000) } }), ssn],
  ])('%s', (_what, schema, text) => {
    expect(millisOfWork(() => expect(codeOf(mask(answer({ a: text }), [byDetector('us_ssn')], schema))).toBe('mask_impossible'))).toBeLessThan(3_000)
  })

  test('a schema that took too long several times is not tried again', () => {
    const schema = doublingOf(40)
    for (let spent = 0; spent < 700; ) spent += 1 + millisOfWork(() => mask(answer({ a: ssn }), [byDetector('us_ssn')], schema))
    // Tried, it takes the whole of its deadline: 200 ms.
    expect(millisOfWork(() => expect(codeOf(mask(answer({ a: ssn }), [byDetector('us_ssn')], schema))).toBe('mask_impossible'))).toBeLessThan(100)
  })
})

test('what a machine takes that is busy with other things is not the fault of the schema', () => {
  const check = checkOf(object({ a: { type: 'string', format: 'email' } }))
  const sleep = new Int32Array(new SharedArrayBuffer(4))
  for (let run = 0; run < 4; run++) {
    let slept = 0
    // Off the processor for longer than the deadline, once, as on a machine that runs others first.
    const value = { get a() { return slept++ === 0 ? Atomics.wait(sleep, 0, 0, 300) : ssn } }
    expect(check(value)).toEqual([{ path: '/a' }])
    expect(slept).toBeGreaterThan(1)
  }
})

describe('references', () => {
  const row: Json = object({ ssn: { type: ['string', 'null'], maxLength: 4 } })
  test.each<[string, Json]>([
    ['to definitions', { ...(object({ rows: { type: 'array', items: { $ref: '#/$defs/Row' } } }) as object), $defs: { Row: row } }],
    ['to itself', { ...(object({ rows: { type: 'array', items: { $ref: '#/$defs/Row' } } }) as object), $defs: { Row: object({ ssn: { type: ['string', 'null'], maxLength: 4 }, rows: { type: 'array', items: { $ref: '#/$defs/Row' } } }) } }],
  ])('%s are followed', (_what, schema) => {
    bothAre(maskedBody(answer({ rows: [{ ssn }] }), [byDetector('us_ssn')], schema), { rows: [{ ssn: null }] })
  })

  test('a schema is plain when nothing in it can take long', () => {
    expect(plainWeight(object({ rows: { type: 'array', items: { $ref: '#/$defs/Row' } } }, [], { $defs: { Row: row } }) as JsonObject)).toBeGreaterThan(0)
    expect(plainWeight(doublingOf(6) as JsonObject)).toBeGreaterThan(0)
    expect(plainWeight(doublingOf(30) as JsonObject)).toBeUndefined()
    expect(plainWeight({ $ref: '#/$defs/a', $defs: { a: { properties: { b: { $ref: '#/$defs/a' } } } } })).toBeUndefined()
    expect(plainWeight(object({ a: { pattern: 'x' } }) as JsonObject)).toBeUndefined()
    expect(plainWeight(object({ pattern: { type: 'string' }, format: {}, default: true }) as JsonObject)).toBeGreaterThan(0)
    expect(plainWeight(object({ format: doublingOf(3), enum: { $ref: '#' } }) as JsonObject)).toBeUndefined()
    expect(plainWeight({ unheardOf: {} })).toBeUndefined()
  })
})

test('a schema that holds each of very many values against very many others is checked under the deadline', () => {
  const schema = object({ rows: { type: 'array', items: { enum: Array.from({ length: 9000 }, (_, index) => `e${index}`) } } })
  const check = checkOf(schema)
  const rows = (length: number) => ({ rows: Array.from({ length }, () => 'e8999') })
  expect(check(rows(100))).toEqual([])
  expect(millisOfWork(() => expect(check(rows(300_000))).toBeUndefined())).toBeLessThan(3_000)
})

test('a schema that counts the characters of a long text or name, or holds large values against very many, is checked under the deadline', () => {
  const counted = { allOf: Array.from({ length: 500 }, (_, index) => ({ maxLength: 5_000_000 + index })) }
  const long = 'x'.repeat(3_000_000)
  const large = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`k${index}`, index]))
  const cases = [
    [object({ text: counted }), { text: 'x' }, { text: long }],
    [{ type: 'object', propertyNames: counted }, { x: 1 }, { [long]: 1 }],
    [object({ rows: { type: 'array', items: { anyOf: [{ enum: [large] }, { type: 'object' }] } } }), { rows: [{}] }, { rows: Array.from({ length: 380_000 }, () => ({})) }],
  ] as const
  for (const [schema, small, value] of cases) {
    const check = checkOf(schema)
    expect(check(small)).toEqual([])
    expect(millisOfWork(() => check(value))).toBeLessThan(1_500)
  }
})

test('the deadline is for looking at an answer, not for making ready to', () => {
  const column = object({ value: { type: ['number', 'null'] }, unit: { enum: ['m', 'kg'] } })
  const schema = object({ rows: { type: 'array', items: { type: 'number' } }, ...Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`column${index}`, column])) })
  expect(plainWeight(schema as JsonObject)).toBeGreaterThan(0)
  expect(checkOf(schema)({ rows: Array.from({ length: 100_000 }, () => 1) })).toEqual([])
})

test('an answer is not made valid round after round for longer than a second or so', () => {
  const groups = Array.from({ length: 60 }, (_, index) => `g${index}`)
  const row = Object.fromEntries(groups.map((group) => [group, ssn]))
  const schema = object({ rows: { type: 'array', items: object(Object.fromEntries(groups.map((group) => [group, { type: ['string', 'null'], maxLength: 11 }]))) } })
  const masks = [byDetector('us_ssn', { with: 'a longer placeholder' })]
  const message = (rows: number) => result({ content: [], structuredContent: { rows: Array.from({ length: rows }, () => row) } })
  expect(codeOf(mask(message(10), masks, schema))).toBe('ok')
  expect(codeOf(mask(message(3000), masks, schema))).toBe('mask_impossible')
})
