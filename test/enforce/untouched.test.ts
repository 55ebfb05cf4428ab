import { fc } from '../support/property.ts'
import { readMasks } from '../../src/enforce/mask-rules.ts'
import { isUntouched } from '../../src/enforce/untouched.ts'
import type { JsonObject, Mask } from '../../src/model.ts'
import { byDetector, byPath, mask, maskSlowly, parse, quick, rescan, result, ssn } from './support.ts'

// What is told to be untouched is what comes out of the long way as it went in.

const often = <T>(plain: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: odd })
const encoded = Buffer.from(`${ssn}\n`).toString('base64')
const name = often(fc.constantFrom('a', 'rows', 'note', 'имя'), fc.constantFrom('ssn', 'class', '7', 'data', 'blob', '__proto__', '\\u0073sn', 'structuredContent', 'awsSecretAccessKey', 'result', '-'))
const leaf = often(
  fc.constantFrom('"x"', '"a longer text, which says nothing"', '12', '-1.5', 'true', 'null', '[]', '{}', '"ß"'),
  fc.constantFrom(`"${ssn}"`, '"4111111111111111"', '123456789', '1e3', '4.111111111111111e15', '"a\\nb"', '"\\u0031"', `"${encoded}"`, `"${'k'.repeat(40)}"`, '"ssn"', '"----"', '"100%"', 'nul', '"a\tb"'),
)
const json = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc.array(fc.tuple(name, tie('node')), { maxLength: 3 }).map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(',')}}`),
  ),
})).node
const deep = fc.constantFrom(60, 100, 255, 256, 257, 400).map((levels) => '['.repeat(levels) + ']'.repeat(levels))
/** Found only by who reads escapes or base64, or writes a power out. */
const hidden = fc.constantFrom('{"\\u0073sn":"x"}', `{"type":"image","blob":"${encoded}"}`, `[{"type":"audio","data":"${encoded}"}]`, '{"ssn":1.23456789e8}', `["${ssn.replace('-', '\\u002d')}"]`)
const text = fc.oneof(
  { weight: 12, arbitrary: json },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('\ufeff', ' ', '\n', 'say: ', ''), json, fc.constantFrom('', ' ', '\u00a0', 'x')).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: json.map((inside) => `{"a":${inside},"b":"${'long '.repeat(300)}"}`) },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: hidden },
)

const path = fc.constantFrom('/structuredContent/**/ssn', '/structuredContent/**/ssn', '/structuredContent', '/structuredContent/*', '/structuredContent/**', '/structuredContent/rows/0', '/structuredContent/0', '/structuredContent/a', '/structuredContent/имя/rows', '/result/structuredContent/**/a', '/result', '/**/7', '/content/*/text', '/content/9', '/_meta/a', '')
const masks = fc.array(
  fc.tuple(path, fc.constantFrom('us_ssn', 'card_number', 'api_key', 'jwt'), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 30 })).map(([where, detector, kind, must]): Mask => {
    const more = { must: must === 0, rule: `test/mask/${detector}${kind}` }
    return kind < 2 ? byPath(where, more) : byDetector(detector, kind === 2 ? { ...more, path: where } : more)
  }),
  { maxLength: 4 },
)
/** With so many the long way is taken, and they find nothing where nothing was found. */
const idle = Array.from({ length: 17 }, (_, index) => byDetector('email', { rule: `test/mask/zz${index}` }))
const schemas = fc.constantFrom(undefined, undefined, { type: 'object', required: ['there'] })

test('a body that no rule touches is what the long way leaves as it is', () => {
  let untouched = 0
  let touched = 0
  fc.assert(
    fc.property(text, text, masks, schemas, fc.integer({ min: 0, max: 7 }), (one, other, rules, schema, shape) => {
      const parsed = shape > 4 ? parse(one) : undefined
      const content = [{ type: 'text', text: one }, { type: 'resource', resource: { uri: 'a://b', text: other } }, 'none']
      const inside: JsonObject = { content: shape === 0 ? [] : content, ...(parsed === undefined ? {} : { structuredContent: parsed }) }
      const message = result(shape === 1 ? { task: 'x', result: inside } : shape === 2 ? { ...inside, result: { content: [{ type: 'text', text: other }] } } : inside, { revision: '2026-07-28' })
      const read = readMasks(rules, rescan({}).detectors)
      if (!read.ok) throw new Error(read.detail)
      const scan = rescan(message.body)
      const slow = maskSlowly(message, rules, schema)
      if (!isUntouched(message.body, scan, read.rules, quick.look)) {
        if (slow.ok && slow.masked > 0) touched++
        return
      }
      untouched++
      const asItWas = { ok: true, message, masked: 0, scan }
      // what is nested too deeply may be refused where every text is parsed
      if (slow.ok || slow.code !== 'mask_impossible') expect(slow).toEqual(asItWas)
      expect(mask(message, [...rules, ...idle], schema)).toEqual(asItWas)
      const quickly = mask(message, rules, schema)
      expect(quickly).toEqual(asItWas)
      expect(quickly.ok && quickly.message).toBe(message)
    }),
    { numRuns: 6000 },
  )
  // else nothing was compared
  expect(untouched).toBeGreaterThan(1500)
  expect(touched).toBeGreaterThan(500)
})

test.each([
  ['a name at the end of a pointer', '{"ssn":"x"}', byPath('/structuredContent/**/ssn')],
  ['an index at the end of a pointer', '[["x"]]', byPath('/structuredContent/0')],
  ['the whole of it', '[1]', byPath('/structuredContent')],
  ['a name that is written with an escape', '{"\\u0073sn":"x"}', byPath('/structuredContent/**/ssn')],
  ['a number that is written as a power', '{"ssn":1.23456789e8}', byDetector('us_ssn')],
  ['an encoded text', `{"type":"image","data":"${encoded}"}`, byDetector('us_ssn')],
])('%s is not overlooked', (_what, inside, rule) => {
  const done = mask(result({ content: [{ type: 'text', text: inside }] }), [rule])
  expect(done).toMatchObject({ ok: true, masked: 1 })
})

test('a mask that must apply refuses where there is nothing to replace', () => {
  expect(mask(result({ content: [{ type: 'text', text: 'x' }] }), [byDetector('us_ssn', { must: true })])).toMatchObject({ ok: false, code: 'mask_must' })
})
