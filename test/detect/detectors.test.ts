import { fc } from '../support/property.ts'
import { builtIn, createDetectors } from '../../src/detect/index.ts'
import { spansOf } from '../../src/detect/detector.ts'
import { findEmails } from '../../src/detect/email.ts'
import { findSsns } from '../../src/detect/us-ssn.ts'
import { casesOf, joined } from './cases.ts'

const detectors = createDetectors({})
const foundIn = (detector: string, text: string, label?: string): string[] =>
  detectors
    .find(text, label)
    .filter((found) => found.detector === detector)
    .flatMap(({ spans }) => spans.map(({ start, end }) => text.slice(start, end)))

describe.each(Object.keys(builtIn))('%s', (detector) => {
  const cases = casesOf(detector.replaceAll('_', '-'))

  test.each(cases.map((one) => [one.what, one] as const))('%s', (_what, { text, label, found }) => {
    expect(foundIn(detector, joined(text), label)).toEqual(found.map(joined))
  })

  test('what is found in the middle of a long text is found there too', () => {
    for (const { text, found, label } of cases) {
      if (found.length === 0 || label !== undefined || joined(text).includes('and all the rest')) continue
      const long = `${'lorem ipsum dolor sit amet '.repeat(200)}| ${joined(text)} |${' consectetur adipisci'.repeat(200)}`
      expect(foundIn(detector, long)).toEqual(found.map(joined))
    }
  })

  test.each([
    ['a zero-width space', '\u200b'],
    ['a zero-width joiner', '\u200d'],
    ['a word joiner', '\u2060'],
    ['a byte order mark', '\ufeff'],
    ['a soft hyphen', '\u00ad'],
    ['an escaped zero-width space', '\\u200b'],
  ])('%s inside does not hide it', (_what, hidden) => {
    for (const { text, found, label } of cases) {
      if (found.length !== 1 || label !== undefined) continue
      const whole = joined(text)
      const secret = joined(found[0] ?? '')
      if (secret.includes('%') || secret.includes('\\')) continue
      const cut = Math.floor(secret.length / 2)
      const split = secret.slice(0, cut) + hidden + secret.slice(cut)
      expect(foundIn(detector, whole.replace(secret, () => split))).toContain(split)
    }
  })

  test('JSON escapes inside a text do not hide it', () => {
    for (const { text, found, label } of cases) {
      if (found.length !== 1 || label !== undefined) continue
      const whole = joined(text)
      const secret = joined(found[0] ?? '')
      if (/[%\\]|[^ -~]/.test(secret)) continue
      const escaped = [...secret].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')
      expect(foundIn(detector, whole.replace(secret, () => escaped))).toEqual([escaped])
    }
  })
})

test('a social security number is found where one pattern over the whole text finds it', () => {
  /** Area not 000, 666 or 9xx; group not 00; serial not 0000. */
  const grouped = /(?<!\d)(?<!\d[-.])(?!000|666|9)\d{3}([- \u00a0\u2010-\u2015])(?!00)\d{2}\1(?!0000)\d{4}(?!\d|-\d)/g
  const separator = fc.constantFrom('-', '-', ' ', '\u2010', '\u2015', '\u2016', '\u00a0', '.', '')
  const number = fc.tuple(fc.constantFrom('123', '899', '000', '666', '667', '900', '12'), separator, fc.constantFrom('45', '00', '01'), separator, fc.constantFrom('6789', '0000', '0001', '678', '67890')).map((parts) => parts.join(''))
  const even = fc.tuple(number, separator).map(([digits, one]) => digits.replaceAll(/\D/g, one))
  const text = fc.array(fc.oneof(fc.constantFrom('1', '2', '23', '456', '6789', '123-45-6789', '.', '-', ' ', '\u2010', 'x', '9', '0', '000', ', '), number, even), { maxLength: 12 })
  fc.assert(
    fc.property(text, (pieces) => {
      const whole = pieces.join('')
      expect(findSsns(whole)).toEqual(spansOf(grouped, whole))
    }),
    { numRuns: 5000 },
  )
})

test('what hides is taken out of the shortest texts for own detectors too', () => {
  const own = createDetectors({ staff: (text) => (text.includes('S7') ? [{ start: text.indexOf('S7'), end: text.indexOf('S7') + 2 }] : []) })
  expect(own.find('S\u200b7')).toEqual([{ detector: 'staff', spans: [{ start: 0, end: 3 }] }])
})

test('a mail address is found where one looks for it label by label', () => {
  const piece = fc.constantFrom('a', 'ada', 'Ada.L', 'x1', '1', '.', '..', '-', '--', '@', '@', '@b.io', '@example.com', 'example', 'com', 'xn--p1ai', 'XN--', 'xn--', 'é', 'ß', 'о', '例', 'ı', '\u212a', '😀', ' ', '_', '+', "'", '%', '2x', '5x', '1x.png', '@2x.png', '@3x.JPEG', 'a'.repeat(63), 'b'.repeat(64), '\u00b2', '\u0301')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const whole = pieces.join('')
      expect(findEmails(whole)).toEqual(byLabels(whole))
    }),
    { numRuns: 8000 },
  )
})

function byLabels(text: string): { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = []
  for (const { index: at } of text.matchAll(/@/g)) {
    const local = /(?:(?![\u2e80-\uffff])[\p{L}\p{N}._%+'-])*$/u.exec(text.slice(0, at))?.[0].replace(/^[^0-9A-Za-z_\u0080-\uffff]+/, '') ?? ''
    const labels = /^[\p{L}\p{N}.-]*/u.exec(text.slice(at + 1))?.[0].split('.') ?? []
    let length = 0
    let valid = 0
    for (const [index, label] of labels.entries()) {
      if (label.length > 63 || label.startsWith('-') || label === '') break
      const trimmed = label.replace(/-+$/, '')
      length += trimmed.length
      if (index > 0 && (/^\p{L}{2,63}$/u.test(trimmed) || /^xn--/i.test(trimmed))) valid = length
      if (trimmed !== label) break
      length++
    }
    const isPicture = labels.length === 2 && /^[1-4]x$/.test(labels[0] ?? '') && /^(?:png|jpe?g|gif|webp|svg)$/i.test(labels[1] ?? '')
    const start = at - local.length
    if (local !== '' && valid > 0 && !isPicture && (spans.at(-1)?.end ?? 0) <= start) spans.push({ start, end: at + 1 + valid })
  }
  return spans
}
