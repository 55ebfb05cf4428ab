import { createPatternDetector } from '../../src/detect/pattern.ts'
import { detectorsSettings } from '../../src/detect/settings.ts'
import { millisOfWork } from '../support/work.ts'

const problemsOf = (value: unknown): string[] => {
  const read = detectorsSettings.safeParse(value)
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('detectors of the settings are names with patterns, and there may be none', () => {
  expect(detectorsSettings.parse({ staff_number: { pattern: 'S\\d{6}' } })).toEqual({ staff_number: { pattern: 'S\\d{6}' } })
  expect(detectorsSettings.parse(undefined)).toEqual({})
})

test.each([
  ['a built-in name', { us_ssn: { pattern: 'x' } }, 'built-in detector'],
  ['a name of other letters', { 'Staff-No': { pattern: 'x' } }, 'lower case'],
  ['a pattern that RE2 refuses', { a: { pattern: '(?=x)' } }, 'a pattern of RE2'],
  ['a broken pattern', { a: { pattern: '(' } }, 'a pattern of RE2'],
  ['a pattern that matches nothing at all', { a: { pattern: 'x*' } }, 'does not match the empty text'],
  ['an empty pattern', { a: { pattern: '' } }, 'empty'],
  ['an unknown key', { a: { pattern: 'x', flags: 'i' } }, 'flags'],
])('%s is refused with a reason', (_what, detectors, reason) => {
  expect(problemsOf(detectors).join('\n')).toContain(reason)
})

test('a pattern finds its spans', () => {
  const made = createPatternDetector('(?i)s\\d{6}')
  expect(made.ok && made.find('a S123456, s654321.')).toEqual([
    { start: 2, end: 9 },
    { start: 11, end: 18 },
  ])
})

test('spans count in UTF-16 units, as texts do', () => {
  const made = createPatternDetector('S\\d')
  expect(made.ok && made.find('😀é S1')).toEqual([{ start: 4, end: 6 }])
})

test('a pattern that backtracks elsewhere takes linear time', () => {
  const made = createPatternDetector('^(\\w+\\s?)*$')
  expect(made).toMatchObject({ ok: false }) // it matches the empty text
  const hard = createPatternDetector('^(\\w+\\s?)+$')
  if (!hard.ok) throw new Error(hard.problem)
  expect(millisOfWork(() => expect(hard.find(`${'a'.repeat(5_000)}!`)).toEqual([]))).toBeLessThan(1_000)
})
