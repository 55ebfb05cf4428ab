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
