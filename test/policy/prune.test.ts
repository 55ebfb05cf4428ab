import type { Json, JsonObject } from '../../src/model.ts'
import { createPruner } from '../../src/policy/prune.ts'

const input: JsonObject = { a: { b: 1, c: [{ d: 1 }, 2], 'x/y~z': true }, e: null, n: JSON.rawJSON('12345678901234567890') as unknown as Json }
const prune = (...pointers: readonly string[]): unknown => JSON.parse(JSON.stringify(createPruner(pointers)(input)))

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
  expect(createPruner(['', '/a'])(input)).toBe(input)
  expect(prune()).toEqual({})
})

test('elements of arrays and digits of numbers are untouched below a deeper pointer', () => {
  expect(prune('/a/c/d')).toEqual({ a: { c: [{ d: 1 }, 2] } })
  expect(JSON.stringify(createPruner(['/n/x'])(input))).toBe('{"n":12345678901234567890}')
})

test('a pointer to what is missing, or to what every object inherits, adds nothing', () => {
  expect(prune('/missing/x', '/toString', '/__proto__/x')).toEqual({})
})
