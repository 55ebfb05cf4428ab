import { fc } from '../support/property.ts'
import type { Json, JsonObject, Scalar, Sighting } from '../../src/model.ts'
import { byDetector, byPath, mask, maskedBody, rescan, result } from './support.ts'

const name = fc.constantFrom('a', 'b', 'c/d', '~e', '*', 'ssn', '0', '__proto__', 'rows')
const tree = fc.letrec<{ node: Json }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant<Json>('leaf'),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('node')), { maxLength: 4 }).map((pairs) => Object.fromEntries(pairs)),
  ),
})).node

/** Every leaf becomes a text of its own, so that it can be looked for. */
function numbered(value: Json): { value: Json; leaves: { keys: string[]; text: string }[] } {
  const leaves: { keys: string[]; text: string }[] = []
  const walk = (at: Json, keys: string[]): Json => {
    if (Array.isArray(at)) return at.map((element: Json, index) => walk(element, [...keys, String(index)]))
    if (typeof at === 'object' && at !== null) return Object.fromEntries(Object.entries(at).map(([key, member]) => [key, walk(member as Json, [...keys, key])]))
    const text = `canary<${leaves.length}>`
    leaves.push({ keys, text })
    return text
  }
  return { value: walk(value, []), leaves }
}

const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('*', '~2')
/** Pointers made from places that exist, with some steps made general. */
const step = fc.oneof(name.map(escaped), fc.constantFrom('*', '**', '0', '1'))
const pointer = fc.array(step, { minLength: 1, maxLength: 4 })

/** The plainest reading of a pointer: by trying everything. */
function matches(steps: readonly string[], keys: readonly string[]): boolean {
  const [first, ...rest] = steps
  if (first === undefined) return keys.length === 0
  if (first === '**') return matches(rest, keys) || (keys.length > 0 && matches(steps, keys.slice(1)))
  if (keys.length === 0) return false
  return (first === '*' || first === escaped(keys[0] ?? '')) && matches(rest, keys.slice(1))
}
const isCovered = (steps: readonly string[], keys: readonly string[]): boolean => keys.some((_, at) => matches(steps, keys.slice(0, at + 1))) || matches(steps, [])

const leafAt = (value: Json | undefined, keys: readonly string[]): Json | undefined =>
  keys.reduce<Json | undefined>((at, key) => (typeof at === 'object' && at !== null ? (Object.entries(at).find(([own]) => own === key)?.[1] as Json | undefined) : undefined), value)

test('what a pointer covers is nowhere in the message, and all else is where it was', () => {
  fc.assert(
    fc.property(tree, fc.array(pointer, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 2), (shape, pointers, indent) => {
      const { value, leaves } = numbered({ top: shape })
      const text = JSON.stringify(value, null, indent)
      const masks = pointers.map((steps) => byPath(`/structuredContent/top/${steps.join('/')}`))
      const body = maskedBody(result({ content: [{ type: 'text', text }], structuredContent: value }, { revision: '2026-07-28' }), masks)
      const printed = JSON.stringify(body)
      for (const { keys, text: canary } of leaves) {
        if (pointers.some((steps) => isCovered(['top', ...steps], keys))) expect(printed).not.toContain(canary)
        else {
          expect(leafAt(body['structuredContent'], keys)).toBe(canary)
          expect(printed.split(canary)).toHaveLength(3)
        }
      }
    }),
    { numRuns: 400 },
  )
})

const secrets = [
  ['us_ssn', '123-45-6789'],
  ['us_ssn', '234 56 7890'],
  ['card_number', '4111-1111-1111-1111'],
  ['card_number', '5555555555554444'],
  ['email', 'grace.hopper@navy.example.org'],
  ['api_key', `AKIA${'IOSFODNN7EXAMPLE'}`],
  ['api_key', `ghp_${'a1B2'.repeat(9)}`],
  ['jwt', ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxIn0', 'c2lnbmF0dXJl'].join('.')],
] as const
const all = ['us_ssn', 'card_number', 'email', 'api_key', 'jwt', 'private_key'].map((detector) => byDetector(detector))

const filler = fc.stringMatching(/^[ a-zäß\n"{}[\]:,;!\\]{0,12}$/)
const holding = fc.tuple(filler, fc.constantFrom(...secrets), filler).map(([before, [, secret], after]) => `${before} ${secret} ${after}`)
const clean = fc.tuple(filler).map(([text]) => text)
const content = fc.letrec<{ node: Json }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    holding,
    clean,
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('name', 'note', 'a', '__proto__'), tie('node'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).node

test('whatever holds a secret holds it no more, in every part of the message', () => {
  fc.assert(
    fc.property(content, (value) => {
      const structured: JsonObject = { value }
      const blob = Buffer.from(JSON.stringify(structured)).toString('base64')
      const body = maskedBody(
        result({
          content: [
            { type: 'text', text: JSON.stringify(structured) },
            { type: 'text', text: `plain: ${JSON.stringify(structured)}` },
            { type: 'resource', resource: { uri: 'a://b', mimeType: 'application/json', blob } },
          ],
          structuredContent: structured,
          _meta: { 'x/y': value },
        }),
        all,
      )
      const [, , encoded] = body['content'] as unknown as [unknown, unknown, { resource: { blob: string } }]
      const printed = `${JSON.stringify(body)} ${Buffer.from(encoded.resource.blob, 'base64').toString()}`
      for (const [, secret] of secrets) expect(printed).not.toContain(secret)
    }),
    { numRuns: 300 },
  )
})

test('a message without secrets comes out as it went in', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const message = result({ content: [{ type: 'text', text: 'x' }], structuredContent: { value: value as Json } })
      const before = JSON.stringify(message.envelope)
      const [found] = all
      const body = maskedBody(message, found === undefined ? [] : [found])
      expect(JSON.stringify({ ...message.envelope, result: body })).toBe(before)
    }),
    { numRuns: 200 },
  )
})

/** Some of them bring to light what was not there before. */
const placeholder = fc.constantFrom<Scalar>('[MASKED]', 'made-up@example.com', 'eyJ', '\\u0031', '4111111111111111', 0, 123456789, null, '\u200b', 'sk-', '\n', '@')

test('the scan that comes with a masked message is the one of its body', () => {
  fc.assert(
    fc.property(content, fc.subarray(all, { minLength: 1 }), fc.boolean(), fc.boolean(), placeholder, (value, detecting, byPlace, twice, text) => {
      const masks = [...detecting.map((one) => ({ ...one, with: text })), ...(byPlace ? [byPath('/structuredContent/value/*', { with: text })] : [])]
      // what is looked at again is less where a text is long
      const structured = { value, long: 'ab '.repeat(400), secret: 1 }
      const block = { type: 'text', text: JSON.stringify(structured, null, twice ? 0 : 1) }
      const done = mask(result({ content: [block], ...(twice && { structuredContent: structured }) }, { revision: '2026-07-28' }), masks)
      if (done.ok) expect(ordered(done.scan)).toEqual(ordered(rescan(done.message.body)))
    }),
    { numRuns: 300 },
  )
})

const ordered = ({ hits, detectors }: Sighting) => ({ hits: hits.map((hit) => JSON.stringify(hit)).sort(), detectors })
