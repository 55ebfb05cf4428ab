import { fc } from '../support/property.ts'
import { cluesOf } from '../../src/detect/clues.ts'
import { digitRuns, spansOf } from '../../src/detect/detector.ts'
import { builtIn, createDetectors } from '../../src/detect/index.ts'
import { casesOf, joined } from './cases.ts'

const detectors = createDetectors({})
/** Every clue by a pattern over the whole text. */
const pattern = {
  runs: /\d(?:[ \-\u00a0\u2009\u2010-\u2015\u202f]?\d){8,}/g,
  marks: /[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX|--|PuTTY|SECRET)-|hooks\.|ya29\.|AQ\.)/i,
  words: /AKIA|ASIA|A3T|ABIA|ACCA|AIza|eyJ|ew[ok0]|eyA|secret/i,
  hiding: /[\\%\u00ad\u200b-\u200d\u2060\ufeff]/,
}

const all = Object.keys(builtIn).flatMap((detector) => casesOf(detector.replaceAll('_', '-')).flatMap(({ text, found }) => [joined(text), ...found.map(joined)]))
/** What begins like a key or a token, and all that one is made of. */
const beginning = fc.constantFrom(
  'AKIA', 'ASIA', 'A3TX', 'ABIA', 'ACCA', 'ghp_', 'ghs_', 'github_pat_', 'xoxb-', 'xoxe.xoxp-', 'xapp-1-', 'hooks.slack.com/services/', 'sk-ant-', 'sk-proj-', 'sk-', 'sk_live_', 'rk_test_', 'whsec_', 'AIza', 'GOCSPX-', 'ya29.', 'AQ.Ab',
  'eyJhbGciOiJub25lIn0.', 'eyJhbGci.', 'ewo', 'secret_access_key=', 'secret key: "', `AKIA${'IOSFODNN7EXAMPLE'} `, '-----BEGIN ', '---- BEGIN PRIVATE KEY ----', 'PRIVATE KEY-----', 'PuTTY-User-Key-File-', 'AGE-SECRET-KEY-1', '@', 'a@b.', 'ssn',
)
const material = fc.tuple(fc.constantFrom('A', 'a', '7', '_', '-', '.', '/', '=', 'aB3', '1 ', '12-', '\u2010'), fc.constantFrom(1, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 20, 24, 30, 35, 36, 39, 40, 41)).map(([unit, times]) => unit.repeat(times))
const other = fc.constantFrom(' ', ' ', '"', ',', ':', '\n', '\u0000', '\u001f', 'é', '\u00a0', '\u00ff', '\u0130', '\u0131', '\u017f', '\u212a', '\u2009', '\u2016', '😀', '\ud800', '-', '--', '----', '1', '23', '456', 'x', 'word')
const piece = fc.oneof(beginning, material, other, fc.constantFrom(...all), fc.tuple(fc.constantFrom(...all), fc.nat(60), fc.nat(60)).map(([text, from, to]) => text.slice(from, from + to)))
const filling = fc.constantFrom('', '', 'z', ', ', 'lorem ipsum ', '4a1b2c3d-4a1b-2c3d ', 'né', '12 ', '\u4e2d\u6587').chain((unit) => fc.nat(60).map((times) => unit.repeat(times)))
const text = fc.tuple(filling, fc.array(piece, { maxLength: 6 }), filling, fc.constantFrom(false, false, true)).map(([before, pieces, behind, isUpper]) => before + (isUpper ? pieces.join('').toUpperCase() : pieces.join('')) + behind)

test('clues are those that patterns find, but for words and marks that can tell nothing', () => {
  let told = 0
  fc.assert(
    fc.property(text, (whole) => {
      const { runs, at, marks, words, hiding } = cluesOf(whole) ?? { runs: [], at: false, marks: false, words: false, hiding: false }
      expect(runs.map(({ start, end }) => ({ start, end }))).toEqual(spansOf(pattern.runs, whole))
      expect(runs.map(({ digits }) => digits)).toEqual(runs.map(({ start, end }) => whole.slice(start, end).replace(/\D/g, '').length))
      expect(digitRuns(whole)).toEqual(runs)
      expect(at).toBe(whole.includes('@'))
      expect(hiding).toBe(pattern.hiding.test(whole))
      if (marks) expect(whole).toMatch(pattern.marks)
      if (words) expect(whole).toMatch(pattern.words)
      if (marks || words) told++
    }),
    { numRuns: 6000 },
  )
  expect(told).toBeGreaterThan(1000)
})

test('no gate before a detector keeps a hit from it', () => {
  const hits = new Map<string, number>()
  fc.assert(
    fc.property(text, (whole) => {
      const seen = detectors.find(whole)
      const clues = cluesOf(whole)
      for (const [detector, { find }] of Object.entries(builtIn)) {
        const spans = find(whole)
        if (spans.length > 0) hits.set(detector, (hits.get(detector) ?? 0) + 1)
        const found = seen.filter((one) => one.detector === detector).flatMap((one) => one.spans)
        if (clues?.hiding === true) for (const { start, end } of spans) expect(found.some((span) => span.start <= start && span.end >= end)).toBe(true)
        else expect(found).toEqual(spans)
      }
    }),
    { numRuns: 6000 },
  )
  for (const detector of Object.keys(builtIn)) expect(hits.get(detector)).toBeGreaterThan(100)
})

const forty = 'wJalrXUtnFEMI/K7MDENG/b+xRfiCYEXAMPLEKEY'
/** The shortest of each kind: what stands before it in its piece or apart from it, and all that is found. */
const shortest: readonly (readonly [before: string, secret: string])[] = [
  ['', `AKIA${'IOSFODNN7EXAMPLE'}`], ['', `A3TX${'IOSFODNN7EXAMPLE'}`], ['', `ghp_${'aB3'.repeat(12)}`], ['', `github_pat_${'aB3'.repeat(12)}`], ['', `xoxb-${'aB3aB3aB37'}`], ['', `xapp-1-${'aB3aB3aB37'}`],
  ['', `hooks.slack.com/services/${'aB3/'.repeat(5)}`], ['', `sk-ant-${'aB3-_'.repeat(4)}`], ['', `sk-${'aB37'.repeat(8)}`], ['', `sk_live_${'aB3aB3aB37'}`], ['', `whsec_${'a+/='.repeat(6)}`], ['', `AIza${'aB3-_'.repeat(7)}`],
  ['', `GOCSPX-${'aB3-_'.repeat(4)}`], ['', `ya29.${'aB3-_'.repeat(4)}`], ['', `AQ.Ab${'aB3-_'.repeat(6)}`], ['secret key: "', forty], ['Secret Access Key\t', forty], [`AKIA${'IOSFODNN7EXAMPLE'} `, forty],
  ['', `eyJhbGciOiJub25lIn0${'.e30.abc'}`], ['', '----BEGIN PRIVATE KEY----'], ['', '-----BEGIN PRIVATE KEY-----'], ['', 'PuTTY-User-Key-File-2'], ['', `AGE-SECRET-KEY-1${'A2'.repeat(10)}`],
]

test.each(shortest)('after %j, %j is found wherever it stands, whatever stands around it', (before, secret) => {
  const missed: string[] = []
  for (const filling of [' ', 'x ', '\u4e2d ', '12 ', 'abcdefghijklmno ', 'abcdefghijklmno\u4e2d', '123456-7-123456 ', 'né, ']) {
    for (let length = 0; length <= 48; length++) {
      const start = length === 0 ? before : `${filling.repeat(48).slice(0, length)} ${before}`
      for (const behind of ['', ' ', `" ${filling}`, ` ${'abcdefghijklmno '.repeat(length % 10)}`]) {
        const spans = detectors.find(start + secret + behind).flatMap((found) => found.spans)
        // armour without an end reaches to the end of the text
        if (!spans.some((span) => span.start === start.length && span.end >= start.length + secret.length)) missed.push(start + secret + behind)
      }
    }
  }
  expect(missed).toEqual([])
})

test.each([9, 13, 16, 30])('a run of %d digits is one wherever it stands, with anything that may be between them at every place', (digits) => {
  const others: string[] = []
  for (const gap of [' ', '-', '\u00a0', '\u2009', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2015', '\u202f', '\u2008', '\u200a', '\u2016', '\u202e', '\u0130', '\u01a0', '--', '\u00ff']) {
    for (let at = 0; at <= digits; at++) {
      for (let length = 0; length <= 40; length += 3) {
        const whole = `${'12345678x'.repeat(5).slice(0, length)} x${'7'.repeat(at)}${gap}${'8'.repeat(digits - at)}`
        const wanted = JSON.stringify(spansOf(pattern.runs, whole))
        for (const runs of [digitRuns(whole), cluesOf(whole)?.runs ?? []]) if (JSON.stringify(runs.map(({ start, end }) => ({ start, end }))) !== wanted) others.push(whole)
      }
    }
  }
  expect(others).toEqual([])
})

test('a long text is read as a short one is, whatever it was before it', () => {
  const run = '4111 1111 1111 1111'
  for (const length of [40, 65_534, 65_535, 65_536, 65_537, 200_000]) {
    const whole = 'x '.repeat(length).slice(0, length - run.length) + run
    expect(digitRuns(whole)).toEqual([{ start: length - run.length, end: length, digits: 16 }])
    expect(cluesOf(`${'1'.repeat(33)}`)?.runs).toHaveLength(1)
    expect(cluesOf('x '.repeat(17))).toBeUndefined()
  }
})
