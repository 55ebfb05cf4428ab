import { fc } from '../support/property.ts'
import { applyMasks } from '../../src/enforce/mask.ts'
import { readMasks, type MaskRule } from '../../src/enforce/mask-rules.ts'
import { startOf } from '../../src/enforce/position.ts'
import { spliceText } from '../../src/enforce/splice.ts'
import { redact } from '../../src/enforce/redact.ts'
import type { JsonObject, Mask, Result, Scalar, Sighting } from '../../src/model.ts'
import { printJson } from '../../src/printed.ts'
import { readJson } from '../../src/wire/json.ts'
import { millisOfWork } from '../support/work.ts'
import { byDetector, byPath, inputFor, mask, maskSlowly, parse, quick, rescan, result, ssn, tools } from './support.ts'

const detectorNames = ['us_ssn', 'card_number', 'email', 'api_key', 'jwt', 'private_key'] as const
const secrets = [ssn, '4111-1111-1111-1111', '4111111111111111', '123456789', 'ada@example.com', `AKIA${'IOSFODNN7EXAMPLE'}`, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY']
const escape = (text: string) => text.replace(/[14@ ]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)

/** Mostly what is tidy: one thing that is not leaves the whole text to the long way. */
const mostly = <T>(tidy: fc.Arbitrary<T>, untidy: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.oneof({ weight: 30, arbitrary: tidy }, { weight: 1, arbitrary: untidy })
const filler = fc.constantFrom('', 'x', 'framework', 'ß', '😀', '+1 202 555 0199', 'x'.repeat(40))
const hiding = fc.constantFrom('a "quoted" word', 'back\\slash', 'line\nend', '100%', '\u200b')
const phrase = fc.oneof(fc.constantFrom(...secrets), filler, fc.tuple(filler, fc.constantFrom(...secrets), filler).map((parts) => parts.join(' ')))
const encoded = fc.constantFrom(...secrets).map((secret) => Buffer.from(`${secret}\n`).toString('base64'))
const string = mostly(
  mostly(phrase, fc.tuple(phrase, hiding).map((parts) => parts.join(''))).map((text) => JSON.stringify(text)),
  fc.oneof(phrase.map((text) => escape(JSON.stringify(text))), encoded.map((text) => `"${text}"`), fc.constant('"a\tb"')),
)
const number = mostly(
  fc.constantFrom('0', '1.0', '12', '-1.5', '123456789', '-4111111111111111', '4111111111111111', '4111111111111111.0', '12345.678901234', '12345678901234567890'),
  fc.constantFrom('-0', '1e3', '4.111111111111111e15', '12345.6789012340', '1e400', '01', '1.', '.5', '+1', '-', '1E2'),
)
const memberName = mostly(fc.constantFrom('ssn', 'a', 'b', 'rows', 'card', 'note', 'c/d', '*', '', '__proto__', 'имя', 'дом'), fc.constantFrom('7', 'data', 'blob', 'type', 'secret_access_key', ssn, 'na\\"me'))

/** Texts of JSON as servers print it, and now and then with repeated names, needless escapes or what is no JSON at all. */
const { node } = fc.letrec<{ node: string; member: string; object: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: string },
    { weight: 2, arbitrary: number },
    mostly(fc.constantFrom('true', 'false', 'null', '[]', '{}'), fc.constantFrom('nul', '"', 'undefined')),
    fc.array(tie('node'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    tie('object'),
  ),
  object: fc.tuple(fc.uniqueArray(tie('member'), { maxLength: 4, selector: (member) => member.slice(0, member.indexOf(':')) }), mostly(fc.constant(false), fc.constant(true))).map(([members, twice]) => {
    const all = twice ? [...members, ...members.slice(0, 1)] : members
    return `{${all.join(',')}}`
  }),
  member: fc.tuple(memberName, tie('node')).map(([name, value]) => `"${name}":${value}`),
}))
/** … with as many as need be for all that is told by looking at one row after another. */
const rows = fc.tuple(node, node).map(([one, other]) => `{"rows":[{"ssn":${one},"a":${other}},{"ssn":${other},"a":${one}}],"b":${one}}`)
const wideRows = fc.tuple(node, node).map(([one, other]) => `[{"имя":${one},"a":${other}},{"дом":${other},"a":${one}},{"имя":${other},"дом":${one}}]`)
/** Found only by who reads base64, or writes a power out. */
const hidden = fc.oneof(
  fc.tuple(encoded, fc.constantFrom('', `,"ssn":"${ssn}"`)).map(([text, more]) => `{"type":"image","blob":"${text}"${more}}`),
  fc.constantFrom('4.111111111111111e15', '41111111111111110e-1', '1.23456789e8').map((power) => `{"ssn":${power},"b":[${power}]}`),
)
const oddNames = fc.tuple(string, string, fc.constantFrom('7', `no ${ssn}`)).map(([one, other, name]) => `[{"ssn":${one},"${name}":${other}},{"${name}":${one},"ssn":${other}}]`)
const inList = fc.constantFrom('123456789', '"123456789"', '"a"').map((value) => `{"ssn":[[${value}],1],"a":[${value}]}`)
/** No JSON, though it nearly is. */
const broken = fc.constantFrom('\t', '\n', '\u0000', '\u0008', '\u000b', '\u000f', '\u0010', '\u001f').map((control) => `{"a":"${ssn}","ssn":"a long text${control}"}`)
const document = fc.oneof({ weight: 4, arbitrary: node }, { weight: 4, arbitrary: rows }, wideRows, hidden, broken, oddNames, inList, fc.tuple(rows, fc.constantFrom('\u00a0', 'x', '}', ',1')).map((parts) => parts.join('')))

const placeholder = fc.constantFrom<Scalar>('[MASKED]', '[MASKED]', 'made-up@example.com', '"', '\\u0034', '4111111111111111', 0, 123456789, null, true, '\u200b', '123-45', '-', '@', 'secret key', 'x'.repeat(40))
const path = fc.constantFrom('/structuredContent', '/structuredContent/**/ssn', '/structuredContent/**/a', '/structuredContent/*/имя', '/structuredContent/*/a', '/structuredContent/rows', '/structuredContent/rows/*/ssn', '/structuredContent/rows/1', '/**/ssn', '/content/0', '/content/*/text')
const masks = fc.array(
  fc.tuple(placeholder, path, fc.constantFrom(...detectorNames), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 15 })).map(([text, where, detector, kind, must]): Mask => {
    const more = { with: text, must: must === 0, rule: `test/mask/${detector}${kind}` }
    return kind < 2 ? byPath(where, more) : byDetector(detector, kind === 2 ? { ...more, path: where } : more)
  }),
  { minLength: 1, maxLength: 4 },
)

/** As it comes from a server: with the bytes that it was parsed from. */
function arrived(text: string): Result | undefined {
  const read = readJson(Buffer.from(text), { maxBytes: 1e6, maxDepth: 64, twins: 'none' })
  return read.ok ? result((read.value as JsonObject)['result'] as JsonObject) : undefined
}
const isTidyObject = (text: string): boolean => {
  try {
    return JSON.stringify(JSON.parse(text)) === text && text.startsWith('{')
  } catch {
    return false
  }
}
const ordered = ({ hits }: Sighting) => hits.map((hit) => JSON.stringify(hit)).sort()
const wayOfWriting = fc.constantFrom<(text: string) => string>((text) => text, (text) => text, (text) => text.replaceAll('\\"', '\\u0022'), (text) => text.replace('\\"', '\\u0022'), (text) => text.replace('"content":', '"content": '))

test('a text that is cut into comes out as one that is parsed, searched and printed', () => {
  let cut = 0
  fc.assert(
    fc.property(document, masks, wayOfWriting, fc.boolean(), fc.integer({ min: 0, max: 5 }), (text, rules, write, long, twin) => {
      // the bytes of a short answer are not kept
      const body = { content: [{ type: 'text', text }, { type: 'text', text: long ? 'x '.repeat(3000) : 'x' }, { type: 'resource', resource: { uri: 'a://b', text } }], _meta: { other: text }, ...(twin < 2 && isTidyObject(text) ? { structuredContent: JSON.parse(twin === 0 ? text : '{"ssn":"x","a":"y"}') as JsonObject } : {}) }
      const message = arrived(write(JSON.stringify({ jsonrpc: '2.0', id: 7, result: body })))
      if (message === undefined) return
      let parsed = 0
      const masked = applyMasks(inputFor(message, rules), { ...tools, parse: (inside) => (parsed++, parse(inside)) })
      const slow = maskSlowly(message, rules)
      if (!slow.ok || !masked.ok) return expect(masked).toEqual(slow)
      expect(JSON.stringify(masked.message.body)).toBe(JSON.stringify(slow.message.body))
      // the long way counts the values of a twin, and all that it found in another text
      if (twin > 1) expect(masked.masked).toBe(slow.masked)
      expect(ordered(masked.scan)).toEqual(ordered(slow.scan))
      expect(ordered(masked.scan)).toEqual(ordered(rescan(masked.message.body)))
      if (parsed === 0 && slow.masked > 3) cut++
      const printed = printJson(masked.message.envelope)
      expect(JSON.stringify(JSON.parse(printed))).toBe(JSON.stringify(JSON.parse(JSON.stringify(masked.message.envelope))))
    }),
    { numRuns: 2000 },
  )
  // else nothing was compared
  expect(cut).toBeGreaterThan(100)
})

test('white space between values changes nothing but itself', () => {
  let cut = 0
  const spliced = (text: string, rules: readonly MaskRule[]) => {
    const places = quick.look.places({ hits: [], detectors: [] }, text)
    return places === undefined ? undefined : spliceText(text, places, { root: [], position: startOf, isInside: () => false }, rules, quick.look)
  }
  fc.assert(
    fc.property(document, masks, fc.constantFrom(1, 2, '\t', ' \r\n'), fc.boolean(), (text, all, indent, wide) => {
      const value = parse(text)
      const message = arrived(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: JSON.stringify(value ?? null, null, indent) }, { type: 'text', text: 'x '.repeat(3000) }] } }))
      const whole = message === undefined ? undefined : mask(message, all)
      if (whole?.ok === true) expect(JSON.parse(printJson(whole.message.envelope))).toEqual(JSON.parse(JSON.stringify(whole.message.envelope)))
      const read = readMasks(all.map((one) => ('path' in one && one.path !== undefined ? { ...one, path: one.path.replace('/structuredContent/', '/'), must: false } : { ...one, must: false })), detectorNames)
      if (value === undefined || !read.ok) return
      const long = JSON.stringify(value, null, indent)
      const short = spliced(JSON.stringify(value), read.rules)
      const done = spliced(wide ? long.replaceAll(/([\]}"\de]),$/gm, '$1 ,') : long, read.rules)
      if (short === undefined || done === undefined) return expect(done).toBe(short)
      if (done.masked > 0) cut++
      expect(JSON.stringify(parse(done.text))).toBe(short.text)
      expect(done.masked).toBe(short.masked)
      for (const { cut: made, text: masked } of [short, done]) if (made.clean) expect(quick.look.find(masked, undefined)).toEqual([])
    }),
    { numRuns: 800 },
  )
  expect(cut).toBeGreaterThan(100)
})

test.each([
  ['a placeholder', 'x'.repeat(40), `[{"secret_key":"${ssn}"}]`],
  ['a value beside a placeholder', 'secret_key', `["${ssn}","${'x'.repeat(40)}"]`],
  ['a placeholder in a text whose clues are known', 'x'.repeat(40), `[{"secret_key":"${ssn}"},"${'x '.repeat(600)}"]`],
  ['a value beside a placeholder in such a text', 'secret_key', `["${ssn}","${'x'.repeat(40)}","${'x '.repeat(600)}"]`],
])('%s that only now is an AWS secret is seen', (_what, placeholder, text) => {
  const message = result({ content: [{ type: 'text', text }] })
  const masked = mask(message, [byDetector('us_ssn', { with: placeholder })])
  if (!masked.ok) throw new Error(masked.detail)
  expect(masked.scan.hits).toMatchObject([{ detector: 'api_key', keys: ['content', '0', 'text'] }])
})

test('what is kept of a message is the same, whether its texts are cut into or parsed', () => {
  fc.assert(
    fc.property(document, fc.constantFrom<readonly Mask[]>([], [], [byPath('/structuredContent/**/ssn')], [byPath('/structuredContent/rows/*/a', { with: 1 })]), (text, rules) => {
      const body = { content: [{ type: 'text', text }, { type: 'text', text: 'x '.repeat(3000) }], _meta: { other: text } }
      const message = arrived(JSON.stringify({ jsonrpc: '2.0', id: 7, result: body }))
      if (message === undefined) return
      const slow = redact(message, rescan(message.body), rules, rescan)
      const kept = redact(message, rescan(message.body), rules, rescan, quick)
      expect(JSON.stringify(kept)).toBe(JSON.stringify(slow))
      for (const { envelope } of [kept, message]) expect(JSON.parse(printJson(envelope))).toEqual(JSON.parse(JSON.stringify(envelope)))
    }),
    { numRuns: 800 },
  )
})

test.each([
  ['имя', 'дом'],
  ['no\u2011te', 'no\u2012te'],
  ['no\u00a0te', 'no\u2009te'],
])('members whose names are %s and %s are told apart', (masked, other) => {
  const rows = [{ [other]: 'a', note: 'b' }, { [masked]: 'hidden', note: 'c' }, { [other]: 'd', note: 'e' }]
  const found = readMasks([byPath(`/*/${masked}`, { with: 'X' })], detectorNames)
  if (!found.ok) throw new Error(found.detail)
  const done = spliceText(JSON.stringify(rows), [], { root: [], position: startOf, isInside: () => false }, found.rules, quick.look)
  expect(done?.text).toBe(JSON.stringify(rows).replace('hidden', 'X'))
})

test('rows are masked in their text without being parsed or printed again', () => {
  const rows = Array.from({ length: 20 }, (_, id) => ({ id, name: `Customer "${id}"`.replaceAll('"', ''), card: '4111111111111111', ssn, balance: id * 1.25, more: [{ note: 'ä', ssn: null }] }))
  const text = JSON.stringify(rows)
  const message = arrived(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text }, { type: 'text', text: 'x'.repeat(5000) }], _meta: { said: 'a "word"' } } }))
  if (message === undefined) throw new Error('not read')
  const never = (): never => {
    throw new Error('parsed or printed')
  }
  const done = applyMasks(inputFor(message, [byDetector('card_number', { with: '[CARD]' }), byPath('/structuredContent/**/ssn', { with: null })]), { ...tools, parse: never, print: never })
  const wanted = JSON.stringify(rows.map((row) => ({ ...row, card: '[CARD]', ssn: null })))
  if (!done.ok) throw new Error(done.detail)
  expect((done.message.body['content'] as unknown as [{ text: string }])[0].text).toBe(wanted)
  expect(printJson(done.message.envelope)).toBe(JSON.stringify(done.message.envelope))
  expect(done.masked).toBe(60)
  expect(done.scan.hits).toEqual([])
})

test('an object of very many members is gone through once', () => {
  const text = `{${Array.from({ length: 60_000 }, (_, index) => `"k${index}":${index === 5 ? '"ada@example.com"' : 1}`).join(',')}}`
  const message = result({ content: [{ type: 'text', text }] })
  const scan = rescan(message.body)
  expect(millisOfWork(() => expect(redact(message, scan, [], rescan, quick).envelope['result']).toEqual({ content: [{ type: 'text', text: text.replace('ada@example.com', '[MASKED]') }] }))).toBeLessThan(4_000)
})
