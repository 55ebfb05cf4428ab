import { fc } from '../support/property.ts'
import { createEchoGuard as createGuard, mostEchoes } from '../../src/enforce/echo.ts'
import { createProbe } from '../../src/enforce/probe.ts'
import type { Json, JsonObject } from '../../src/model.ts'
import { millisOfWork } from '../support/work.ts'

/** One that finds no more than it replaces. */
const createEchoGuard = (secrets: readonly string[]) => {
  const { clean, cleanText } = createGuard(secrets)
  return {
    cleanText,
    clean: <T extends Json>(body: T) => {
      const cleaned = clean(body)
      if (cleaned === undefined) throw new Error('too many')
      return cleaned
    },
  }
}
const token = 'tok_s3cr3t/with+chars=&"x'
const guard = createEchoGuard([token, `Basic ${Buffer.from('svc:pa55word!').toString('base64')}`])
const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('thousands of names that hold it and become the same are told apart, without looking through all that came before for each', () => {
  const edges = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789']
  const body = Object.fromEntries(edges.flatMap((one) => edges.flatMap((other) => ['', '='].map((end) => [`${one}${base64('pa55word!')}${other}${end}`, 1]))))
  let clean: JsonObject = {}
  expect(millisOfWork(() => (clean = guard.clean(body).body))).toBeLessThan(4_000)
  const names = Object.keys(clean)
  expect(names).toHaveLength(Object.keys(body).length)
  expect(names.slice(1)).toEqual(Array.from({ length: names.length - 1 }, (_, index) => `${names[0]} ${index + 2}`))
})

test('a message full of it is nobody\'s, and costs no more than one that only holds it', () => {
  const full = createGuard([token])
  const times = 100_000
  const bodies: readonly JsonObject[] = [
    { text: `${token} `.repeat(times) }, { texts: Array<string>(times).fill(token) }, { text: base64(`${token} `.repeat(times)) },
    { objects: Array.from({ length: times }, () => ({ [token]: 1 })) }, Object.fromEntries(Array.from({ length: times }, (_, index) => [`${token}${index}`, 1])),
  ]
  for (const body of bodies) {
    expect(millisOfWork(() => expect(full.clean(body)).toBeUndefined())).toBeLessThan(200)
  }
  expect(full.clean({ text: token.repeat(mostEchoes) })?.removed).toBe(mostEchoes)
  expect(full.clean({ text: token.repeat(mostEchoes), last: token })).toBeUndefined()
})

test.each([
  ['as it is', `you sent ${token}`],
  ['with its scheme', `Authorization: Bearer ${token}`],
  ['URL-encoded', `https://x.example/?t=${encodeURIComponent(token)}`],
  ['URL-encoded in lower case', encodeURIComponent(token).toLowerCase().replace(/tok_s3cr3t/, 'tok_s3cr3t')],
  ['form-encoded', new URLSearchParams({ t: token }).toString()],
  ['in base64', base64(token)],
  ['in base64, one off', base64(`x${token}`)],
  ['in base64, two off and with more behind', base64(`xy${token}zz`)],
  ['in base64url', Buffer.from(`??>${token}??`).toString('base64url')],
  ['in hexadecimal', Buffer.from(token).toString('hex')],
  ['as JSON in a text', JSON.stringify({ token })],
  ['as JSON in JSON in a text', JSON.stringify({ inner: token })],
  ['the value of Basic', `Basic ${base64('svc:pa55word!')}`],
  ['what Basic carries', base64('svc:pa55word!')],
  ['the password of Basic', 'login with pa55word!'],
])('a credential is removed %s', (_what, text) => {
  for (const body of [{ content: [{ type: 'text', text }] }, { [text]: 1 }, { error: { data: [[text]] } }] satisfies JsonObject[]) {
    const { body: clean, removed } = guard.clean(body)
    expect(removed).toBeGreaterThan(0)
    const printed = JSON.stringify(clean)
    for (const trace of [token, 'pa55word', encodeURIComponent(token), base64(token).slice(4, 12)]) expect(printed).not.toContain(trace)
    expect(printed).toContain('[CREDENTIAL]')
  }
})

test.each([
  ['PHP', String.raw`"tok\/en+w\u00e9=&'"`],
  ['Python', String.raw`"tok/en+w\u00e9=&'"`],
  ['Go', String.raw`"tok/en+wé=\u0026'"`],
  ['Gson', String.raw`"tok/en+wé\u003d\u0026\u0027"`],
  ['.NET', String.raw`"tok/en\u002Bw\u00E9=\u0026\u0027"`],
])('a credential is removed from JSON in a text as %s writes it', (_who, text) => {
  const secret = "tok/en+wé=&'"
  expect(JSON.parse(text)).toBe(secret)
  expect(createEchoGuard([secret]).clean({ text })).toEqual({ body: { text: '"[CREDENTIAL]"' }, removed: 1 })
})

test('a number that is the credential is removed', () => {
  expect(createEchoGuard(['12345678']).clean({ n: 12345678, m: 1.5 })).toEqual({ body: { n: '[CREDENTIAL]', m: 1.5 }, removed: 1 })
})

test.each(['-1.5e-7', '123456789012345680000', '1e21', '12345678901234567890.50'])('the number %s is a text to who wrote a credential like it', (source) => {
  const raw = JSON.rawJSON(source) as unknown as JsonObject
  for (const n of [Number(source), raw]) expect(createEchoGuard([JSON.stringify(n)]).clean({ a: [n] })).toEqual({ body: { a: ['[CREDENTIAL]'] }, removed: 1 })
})

test('without an echo the very same body comes back', () => {
  const body = { content: [{ type: 'text', text: 'nothing' }] }
  expect(guard.clean(body)).toEqual({ body, removed: 0 })
  expect(guard.clean(body).body).toBe(body)
  expect(createEchoGuard([]).clean({ a: '' }).removed).toBe(0)
  expect(createEchoGuard(['ab']).clean({ a: 'ab' }).removed).toBe(0)
})

test('names that become equal are told apart', () => {
  expect(Object.keys(guard.clean({ [token]: 1, '[CREDENTIAL]': 2, [`${token}!`]: 3 }).body)).toHaveLength(3)
})

test('texts outside messages are cleaned alike', () => {
  expect(guard.cleanText(`401 for ${token}`)).toBe('401 for [CREDENTIAL]')
})

test('no credential of any characters is left, whatever stands around it', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' }), fc.string(), fc.string(), (raw, before, after) => {
      const secret = raw.trim()
      if (secret.length < 8 || /^(basic|bearer) /i.test(secret)) return
      const { clean } = createEchoGuard([secret])
      const body: JsonObject = { a: `${before}${secret}${after}`, b: base64(`${before}${secret}${after}`), c: JSON.stringify([secret]) }
      const printed = JSON.stringify(clean(body).body)
      expect(printed).not.toContain(JSON.stringify(secret).slice(1, -1))
      const decoded = Buffer.from((clean(body).body['b'] as string).replaceAll('[CREDENTIAL]', ''), 'base64').toString()
      expect(decoded).not.toContain(secret)
    }),
    { numRuns: 300 },
  )
})

test('the look at a few characters sees every text that holds what is looked for, and no other', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '世', '\ud800'), maxLength: 40 })
  const needle = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '世', '\ud800'), minLength: 4, maxLength: 16 })
  fc.assert(
    fc.property(fc.array(needle, { minLength: 1, maxLength: 4 }), letters, letters, fc.option(fc.nat()), (needles, before, after, which) => {
      const text = before + (which === null ? '' : needles[which % needles.length]) + after
      expect(createProbe(needles)(text)).toBe(needles.some((one) => text.includes(one)))
    }),
    { numRuns: 2000 },
  )
})
