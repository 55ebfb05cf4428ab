import { printFindings, readFindings } from '../src/findings.ts'
import type { Finding } from '../src/model.ts'
import { fc } from './support/property.ts'

const found = (path: string, more: Partial<Finding> = {}): Finding => ({ detector: 'us_ssn', path, count: 1, confidence: 'medium', ...more })
const rows = Array.from({ length: 100 }, (_, row) => [found(`/structuredContent/rows/${row}/card`, { detector: 'card_number', confidence: 'high' }), found(`/structuredContent/rows/${row}/ssn`)]).flat()

const piece = fc.oneof(fc.constantFrom('/', '/a', '/0', '/17', '/a/0/', '+', '+1;', ';', ',', '0,1;', '~1', '"', '\\', '\n', '\0', '\ud800', 'é', '😀', '__proto__'), fc.string({ unit: 'binary' }))
const finding: fc.Arbitrary<Finding> = fc.record({
  detector: fc.oneof(fc.constantFrom('us_ssn', 'card_number', '__proto__'), fc.string({ unit: 'binary' })),
  path: fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')),
  count: fc.oneof(fc.constant(1), fc.nat(), fc.maxSafeNat()),
  confidence: fc.constantFrom('low', 'medium', 'high'),
})

test('findings read back as they were printed, in their order, whatever their paths are made of', () => {
  expect(readFindings(printFindings(rows))).toEqual(rows)
  fc.assert(fc.property(fc.array(finding, { maxLength: 12 }), (findings) => expect(readFindings(printFindings(findings))).toEqual(findings)), { numRuns: 1000 })
})

test('findings that were kept one by one are read as they are', () => {
  fc.assert(fc.property(fc.array(finding, { maxLength: 12 }), (findings) => expect(readFindings(JSON.stringify(findings))).toEqual(findings)), { numRuns: 300 })
})

test('many findings of one shape take a fraction of the room', () => {
  expect(printFindings(rows).length * 6).toBeLessThan(JSON.stringify(rows).length)
})

test('paths that are too long to be put together again are kept one by one', () => {
  const long = Array.from({ length: 5 }, (_, index) => found(`/${index}/${'x'.repeat(250_000)}`))
  expect(printFindings(long).startsWith('[')).toBe(true)
  expect(readFindings(printFindings(long)).map(({ path }, index) => path === long[index]?.path)).toEqual(long.map(() => true))
})

const kinds = [['us_ssn', 'medium']]
const wrong: readonly (readonly [string, string])[] = [
  ['no JSON', '{"kinds":'],
  ['nothing', 'null'],
  ['a text', '"0,2;/x"'],
  ['no kinds', JSON.stringify({ paths: '0,2;/x' })],
  ['kinds that are none', JSON.stringify({ kinds: [['us_ssn', 'sure']], paths: '0,2;/x' })],
  ['no paths', JSON.stringify({ kinds })],
  ['a kind that is not there', JSON.stringify({ kinds, paths: '1,2;/x' })],
  ['a length beyond the end', JSON.stringify({ kinds, paths: '0,3;/x' })],
  ['a beginning beyond the end', JSON.stringify({ kinds, paths: '+999999999;/x' })],
  ['a length that is no number', JSON.stringify({ kinds, paths: '0,-2;/x' })],
  ['something between paths', JSON.stringify({ kinds, paths: '0,2;/x 0,2;/x' })],
  ['findings that are none', '[{"detector":"us_ssn"}]'],
  ['an array of nothing', '[null]'],
  ['more than would be written', JSON.stringify({ kinds, paths: `+1000;${'x'.repeat(1_000)}${'0,0;'.repeat(2_000)}` })],
  ['more paths than would be written', JSON.stringify({ kinds, paths: '0,0;'.repeat(1_100_000) })],
]
test.each(wrong)('findings that nobody wrote are refused: %s', (_, text) => {
  expect(() => readFindings(text)).toThrow(/JSON|findings/)
})
