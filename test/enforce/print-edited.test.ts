import { fc } from '../support/property.ts'
import { Edits, patched } from '../../src/enforce/edits.ts'
import { isObject } from '../../src/exact-json.ts'
import type { Json, JsonObject } from '../../src/model.ts'
import { printJson } from '../../src/printed.ts'
import { readJson } from '../../src/wire/json.ts'

// Values of one length in several places: what is mistaken for its neighbour is told by nothing but what it is.
const string = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('"xx"', '"yy"', '"zz"', '"ßx"', '""') },
  fc.constantFrom('"\\u0061a"', '"a\\/"', '"\\""', '"\\\\"', '"x\\\\\\""', '"\\\\,\\"x"', '"\\n"', '"\\ud83d\\ude00"'),
)
const scalar = fc.oneof({ weight: 3, arbitrary: string }, fc.constantFrom('1', '2', '-0', '1.0', '1e3', '12345678901234567890', 'true', 'false', 'null'))
const memberName = fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'aa', 'ß', '', '__proto') }, fc.constantFrom('7', '10', 'x\\"', '\\u0061'))
const gap = fc.oneof({ weight: 25, arbitrary: fc.constant('') }, fc.constant(' '))
const { node } = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 3, arbitrary: scalar },
    fc.tuple(fc.array(fc.tuple(gap, tie('node'), gap), { maxLength: 4 }), gap).map(([items, inside]) => `[${inside}${items.map((item) => item.join('')).join(',')}]`),
    fc.tuple(fc.array(fc.tuple(memberName, gap, tie('node'), gap), { maxLength: 4 }), gap).map(([members, inside]) => `{${inside}${members.map(([name, before, value, after]) => `"${name}"${before}:${value}${after}`).join(',')}}`),
  ),
}))
const long = `"${'x'.repeat(5000)}"`

/** As it comes from a server, with the text that it was parsed from. */
function arrive(text: string): { readonly envelope: JsonObject; readonly body: JsonObject } | undefined {
  const read = readJson(Buffer.from(`{"jsonrpc":"2.0","id":7,"result":${text}}`), { maxBytes: 1e6, maxDepth: 64, twins: 'none' })
  if (!read.ok || !isObject(read.value) || !isObject(read.value['result'])) return undefined
  return { envelope: read.value, body: read.value['result'] }
}
/** In another text of the same meaning only escaped characters may differ. */
const unescaped = (text: string): string => JSON.stringify(JSON.parse(text, (_name, value: unknown, { source }: { source?: string } = {}) => (typeof value === 'number' ? `number ${source}` : value)))

test('a body goes out as it came where that is how it would be printed', () => {
  let asRead = 0
  fc.assert(
    fc.property(node, (inside) => {
      const text = `{"long":${long},"inside":${inside},"after":"xx"}`
      const arrived = arrive(text)
      if (arrived === undefined) return
      const printed = printJson({ ...arrived.envelope, id: 8 })
      const plain = JSON.stringify({ ...arrived.envelope, id: 8 })
      if (printed === plain) return
      asRead++
      expect(printed).toBe(`{"jsonrpc":"2.0","id":8,"result":${text}}`)
      expect(text).toContain('\\')
      expect(unescaped(printed)).toBe(unescaped(plain))
    }),
    { numRuns: 4000 },
  )
  expect(asRead).toBeGreaterThan(100)
})

/** Another value in some places, none inside another. */
function editSome(value: Json, choose: () => number, edits: Edits, keys: readonly string[] = []): void {
  const chosen = choose()
  if (keys.length > 0 && chosen % 5 === 0) return void edits.replace(keys, { kind: 'value', value: ['new', 5, null, { a: ['"'] }][chosen % 4] as Json })
  if (typeof value === 'string' && value.length > 1 && chosen % 5 === 1) return void edits.patch(keys, patched([{ start: 1, end: 2 }], '"!', 'whole'))
  if (Array.isArray(value)) value.forEach((element: Json, index) => editSome(element, choose, edits, [...keys, String(index)]))
  else if (isObject(value)) for (const name of Object.keys(value)) editSome(value[name] as Json, choose, edits, [...keys, name])
}

test('an edited body is printed by cutting into its text as it is without', () => {
  let cut = 0
  fc.assert(
    fc.property(node, fc.array(fc.nat(), { minLength: 12, maxLength: 12 }), (inside, choices) => {
      const text = `{"inside":${inside},"after":"xx"}`
      const arrived = arrive(text)
      if (arrived === undefined) return
      let next = 0
      const edits = new Edits()
      editSome(arrived.body, () => choices[next++ % choices.length] as number, edits) // in range
      const edited = edits.apply(arrived.body) as JsonObject // members of an object stay an object
      const printed = edits.print(arrived.body, text)
      if (printed === undefined) return
      cut++
      expect(unescaped(printed)).toBe(unescaped(JSON.stringify(edited)))
      if (!text.includes('\\')) expect(printed).toBe(JSON.stringify(edited))
    }),
    { numRuns: 4000 },
  )
  expect(cut).toBeGreaterThan(1000)
})
