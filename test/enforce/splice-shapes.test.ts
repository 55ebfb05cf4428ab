import { fc } from '../support/property.ts'
import { mark, readMasks, type MaskRule } from '../../src/enforce/mask-rules.ts'
import { startOf } from '../../src/enforce/position.ts'
import { spliceText } from '../../src/enforce/splice.ts'
import { byPath, parse, quick } from './support.ts'

const around = { root: [], position: startOf, isInside: () => false }
const rulesOf = (paths: readonly string[]): readonly MaskRule[] => {
  const read = readMasks(paths.map((path, index) => byPath(path, { with: `[${index}]`, rule: `test/mask/path${index}` })), [])
  if (!read.ok) throw new Error(read.detail)
  return read.rules
}
const splice = (text: string, rules: readonly MaskRule[]): string | undefined => spliceText(text, [], around, rules, quick.look)?.text

/** Few, so that they come again beside each other, below each other and in another order. */
const name = fc.constantFrom('a', 'b', 'ab', 'é', 'имя', 'дом', 'a\u4e2d', 'a\u6587')
const leaf = fc.constantFrom('1', '-2.5', 'true', 'null', '""', '"x"', `"${'y'.repeat(47)}"`, `"${'y'.repeat(48)}"`, `"${'\u4e2d'.repeat(49)}"`, '[]', '{}')
const { node } = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    { weight: 1, arbitrary: leaf },
    { weight: 3, arbitrary: fc.uniqueArray(fc.tuple(name, tie('node')), { maxLength: 3, selector: ([key]) => key }).map((members) => `{${members.map(([key, value]) => `"${key}":${value}`).join(',')}}`) },
    { weight: 2, arbitrary: fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`) },
  ),
}))
const path = fc.array(fc.oneof(name, fc.constantFrom('*', '**', '0', '1')), { minLength: 1, maxLength: 4 }).map((steps) => `/${steps.join('/')}`)

test('members are masked where their own way leads to them, whatever objects stand before them', () => {
  let changed = 0
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 4 }), fc.array(path, { minLength: 1, maxLength: 3 }), (items, paths) => {
      const text = `[${items.join(',')}]`
      const rules = rulesOf(paths)
      const done = splice(text, rules)
      if (done === undefined) return
      const value = parse(text) ?? null
      expect(done).toBe(JSON.stringify(mark({ ...around, value, hits: [] }, rules).edits.apply(value)))
      if (done !== text) changed++
    }),
    { numRuns: 4000 },
  )
  // else nothing was compared
  expect(changed).toBeGreaterThan(1000)
})

test.each(['[{"a":1,"a":2}]', '[{"a":1,"b":2,"a":3}]', '[{"a":1,"b":2},{"a":1,"b":2,"b":3}]', '[{"имя":1,"имя":2}]', '[{"a":1},{"b":1,"b":2}]', '[{"a":1,"b":2},{"é":1,"é":2}]'])('a name that comes twice in %s is left to who parses', (text) => {
  expect(splice(text, rulesOf(['/*/a']))).toBeUndefined()
})

test.each(['\u4e2d', '\u2010', '\u00a0', '1', '"', '}', ']', '"}]', ',{}', '\u007f'])('what has %j behind it is no JSON', (behind) => {
  const text = '[{"a":"x"}]'
  expect(splice(text, rulesOf(['/*/a']))).toBe('[{"a":"[0]"}]')
  expect(splice(text + behind, rulesOf(['/*/a']))).toBeUndefined()
})

test.each(['[{"a\tb":1}]', '[{"a":1},{"a\n":1}]', '[{"a":"\r"}]', '["\t"]'])('a line end or tab inside a string in %j is no JSON', (text) => {
  expect(splice(text, rulesOf(['/*/b']))).toBeUndefined()
})

test('what a text breaks off in is not read on in the one before it', () => {
  const long = JSON.stringify(Array.from({ length: 20 }, (_, index) => ({ a: `no "${index}"`.replaceAll('"', ''), ab: 'y'.repeat(60), имя: 1 })))
  const rules = rulesOf(['/*/a'])
  for (let length = 1; length < long.length; length++) {
    expect(splice(long, rules)).toBeDefined()
    expect(splice(long.slice(0, length), rules)).toBeUndefined()
  }
})
