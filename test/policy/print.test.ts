import type { Json, JsonObject } from '../../src/model.ts'
import { createPrinter } from '../../src/policy/print.ts'

const input: JsonObject = { a: { b: 1, c: [{ d: 1 }, 2], 'x/y~z': true }, e: null, n: JSON.rawJSON('12345678901234567890') as unknown as Json }
const prune = (...pointers: readonly string[]): unknown => JSON.parse(createPrinter(pointers)(input))

test('what no rule reads is left out, and what is read stays whole', () => {
  expect(prune('/a/b')).toEqual({ a: { b: 1 } })
  expect(prune('/a/c')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(prune('/e', '/a/x~1y~0z')).toEqual({ e: null, a: { 'x/y~z': true } })
})

test('a longer pointer never narrows a shorter one, in either order', () => {
  const whole = { a: { b: 1, c: [{ d: 1 }, 2], 'x/y~z': true } }
  expect(prune('/a', '/a/b')).toEqual(whole)
  expect(prune('/a/b', '/a')).toEqual(whole)
})

test('the empty pointer keeps everything, no pointer keeps an empty object', () => {
  expect(createPrinter(['', '/a'])(input)).toBe(JSON.stringify(input))
  expect(prune()).toEqual({})
})

test('elements of arrays and digits of numbers are untouched below a deeper pointer', () => {
  expect(prune('/a/c/d')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(createPrinter(['/n/x'])(input)).toBe('{"n":12345678901234567890}')
})

test('a pointer to what is missing, or to what every object inherits, adds nothing', () => {
  expect(prune('/missing/x', '/toString', '/__proto__/x')).toEqual({})
})

test('a step that names every element is kept of each, and of an object everything is', () => {
  expect(prune('/a/c/*/d')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(prune('/a/c/*/x')).toEqual({ a: { c: [{}, 2] } })
  expect(prune('/a/c/*/x', '/a/c')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(prune('/a/c', '/a/c/*/x')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(prune('/a/*/x')).toEqual({ a: { b: 1, c: [{ d: 1 }, 2], 'x/y~z': true } })
})

describe('findings of which rules read members', () => {
  const findings = Array.from({ length: 200 }, (_, row) => ({ detector: row % 2 === 0 ? 'email' : 'card_number', path: `/rows/${row}`, count: 1, confidence: 'high' }))
  const printed = (list: readonly unknown[], ...pointers: readonly string[]): unknown => JSON.parse(createPrinter(pointers)({ findings: list as Json }))

  test('are printed once where they are alike in them', () => {
    expect(printed(findings, '/findings/*/detector', '/findings/*/confidence')).toEqual({ findings: [{ detector: 'email', confidence: 'high' }, { detector: 'card_number', confidence: 'high' }] })
  })

  test('are all printed where many differ, or the whole of them is read', () => {
    expect(printed(findings, '/findings/*/path')).toEqual({ findings: findings.map(({ path }) => ({ path })) })
    expect(printed(findings, '/findings/*/detector', '/findings')).toEqual({ findings })
  })

  test('are not taken for alike where what is read is no plain value, or only one of them has it', () => {
    const odd = [{ a: 1 }, {}, {}, 'x', 'x', null, [1], { detector: { b: 1 } }, { detector: 1 }, { detector: '1' }]
    expect(printed(odd.slice(1, 8), '/findings/*/detector')).toEqual({ findings: [{}, 'x', 'x', null, [1], { detector: { b: 1 } }] })
    expect(printed(odd.slice(7), '/findings/*/detector')).toEqual({ findings: [{ detector: { b: 1 } }, { detector: 1 }, { detector: '1' }] })
    expect(printed([{}, { toString: 'x' }, {}] as unknown[], '/findings/*/toString')).toEqual<unknown>({ findings: [{}, { toString: 'x' }] })
  })

  test('other lists keep every element', () => {
    expect(JSON.parse(createPrinter(['/entries/*/kind'])({ entries: [{ kind: 'tool' }, { kind: 'tool' }] }))).toEqual({ entries: [{ kind: 'tool' }, { kind: 'tool' }] })
  })
})
