import { covers, eachPlace, parsePointer, type Segments } from '../../src/enforce/pointer.ts'
import { startOf } from '../../src/enforce/position.ts'
import type { Json } from '../../src/model.ts'
import { millisOfWork } from '../support/work.ts'

function segmentsOf(text: string): Segments {
  const parsed = parsePointer(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.segments
}
const placesOf = (body: Json, segments: Segments): string[] => {
  const found: string[] = []
  eachPlace(body, startOf(segments), (place) => found.push(place.join('/')))
  return found
}
const places = (body: Json, text: string): string[] => placesOf(body, segmentsOf(text))

const body = { a: { ssn: 1, b: [{ ssn: 2 }, { ssn: 3, c: { ssn: 4 } }] }, ssn: 5, 'x/y': { '~': 6, '*': 7 }, '': 8 }

test.each([
  ['', ['']],
  ['/', ['']],
  ['/a/ssn', ['a/ssn']],
  ['/a/b/0/ssn', ['a/b/0/ssn']],
  ['/a/b/*/ssn', ['a/b/0/ssn', 'a/b/1/ssn']],
  ['/a/*', ['a/ssn', 'a/b']],
  ['/**/ssn', ['a/ssn', 'a/b/0/ssn', 'a/b/1/ssn', 'a/b/1/c/ssn', 'ssn']],
  ['/a/**/ssn', ['a/ssn', 'a/b/0/ssn', 'a/b/1/ssn', 'a/b/1/c/ssn']],
  ['/a/**/**/c', ['a/b/1/c']],
  ['/a/**', ['a']],
  ['/**', ['']],
  ['/x~1y/~0', ['x/y/~']],
  ['/x~1y/~2', ['x/y/*']],
  ['/a/b/01/ssn', []],
  ['/a/b/-', []],
  ['/a/b/2', []],
  ['/a/length', []],
  ['/constructor', []],
  ['/nothing/here', []],
] as const)('%s matches %j', (pointer, expected) => {
  expect(places(body, pointer)).toEqual(expected)
})

test('of places inside one another only the outermost is named', () => {
  expect(places({ ssn: { ssn: { ssn: 1 } } }, '/**/ssn')).toEqual(['ssn'])
})

test.each(['a', 'a/b', '/a*', '/***', '/~', '/~3', `/${'a/'.repeat(70)}`])('%s is no pointer', (pointer) => {
  expect(parsePointer(pointer).ok).toBe(false)
})

test('a pointer covers what lies below the places it matches', () => {
  expect(covers(segmentsOf('/a/*/x'), ['a', '0', 'x', 'deep'])).toBe(true)
  expect(covers(segmentsOf('/a/*/x'), ['a', '0'])).toBe(false)
})

test('many ** over a deep body take time in proportion to the body', () => {
  const segments = segmentsOf(`/${'**/a/'.repeat(20)}zzz`)
  const deep = (levels: number): Json => (levels === 0 ? 1 : { a: deep(levels - 1), b: deep(0) })
  const body = { a: deep(600) }
  expect(millisOfWork(() => expect(placesOf(body, segments)).toEqual([]))).toBeLessThan(2000)
})
