import type { Json, JsonObject } from '../../src/model.ts'
import { createOutlines } from '../../src/policy/outline.ts'
import { createPrinter, wantedOf } from '../../src/policy/print.ts'
import { createRandom } from './support.ts'

const settled = ['/who/groups', '/who/kind', '/call/name', '/call/labels/tier', '/body/ref', '/list/*/name', '/toString']
const varying = ['/now', '/call/name', '/call/arguments', '/call/labels', '/who/groups', '/found/*/kind', '/session/calls', '/list/*/kind', '/constructor']
const [printSettled, printVarying] = [createPrinter(settled), createPrinter(varying)]
const raw = (digits: string): Json => JSON.rawJSON(digits) as unknown as Json

function outlines(): NonNullable<ReturnType<typeof createOutlines<string>>> {
  const made = createOutlines<string>(wantedOf(settled), wantedOf(varying))
  if (made === undefined) throw new Error('not made')
  return made
}
const asked: JsonObject = {
  who: { groups: ['support', 'sales'], kind: 'person', claims: { a: 1 } },
  call: { name: 'query', arguments: { sql: 'SELECT 1' }, labels: { tier: 'production', other: 1 } },
  body: {}, list: [], found: [{ kind: 'a', at: 1 }, { kind: 'a', at: 2 }], session: { calls: 1 }, now: 'today',
}

test('what differs in nothing that is settled is found, and its rest is printed as it is', () => {
  const known = outlines()
  expect(known.find(asked)).toBeUndefined()
  known.keep(asked, 'kept')
  const later = { ...structuredClone(asked), now: 'to"morrow', session: { calls: raw('12345678901234567890') }, found: [], body: { other: 1 } }
  expect(known.find(later)).toBe('kept')
  expect(known.varying()).toBe(printVarying(later))
  expect(known.varying()).toContain('12345678901234567890')
  known.clear()
  expect(known.find(later)).toBeUndefined()
})

test.each<readonly [string, JsonObject]>([
  ['a word', { ...asked, who: { groups: ['support', 'sales'], kind: 'service' } }],
  ['a word of a list', { ...asked, who: { groups: ['support', 'seles'], kind: 'person' } }],
  ['the order of a list', { ...asked, who: { groups: ['sales', 'support'], kind: 'person' } }],
  ['the length of a list', { ...asked, who: { groups: ['support'], kind: 'person' } }],
  ['what is missing', { ...asked, who: { groups: ['support', 'sales'] } }],
  ['null in place of what is missing', { ...asked, body: { ref: null } }],
  ['an object that is missing', { ...asked, body: undefined as unknown as Json }],
  ['null in place of an object', { ...asked, body: null }],
  ['a list in place of an object', { ...asked, body: [] }],
  ['raw digits in place of an object', { ...asked, body: raw('12345678901234567890') }],
  ['an object in place of a value', { ...asked, body: { ref: {} } }],
  ['whether something varying is there', { ...asked, call: { name: 'query', labels: { tier: 'production' } } }],
  ['a name that every object inherits', { ...asked, toString: 'x' as unknown as () => string } as unknown as JsonObject],
])('%s tells two apart', (_what, other) => {
  const known = outlines()
  known.keep(asked, 'kept')
  expect(known.find(other)).toBeUndefined()
  known.keep(other, 'other')
  const found = known.find(other)
  if (found !== undefined) expect([found, known.varying()]).toEqual(['other', printVarying(other)])
  known.keep(asked, 'kept')
  expect(known.find(other) ?? 'other').toBe('other')
})

test('what was changed in place is another', () => {
  const known = outlines()
  const groups = ['support']
  const one = { ...asked, who: { groups, kind: 'person' } }
  known.keep(one, 'kept')
  groups[0] = 'admins'
  expect(known.find(one)).toBeUndefined()
  groups.push('support')
  expect(known.find(one)).toBeUndefined()
})

test('found means the same text of all that is settled, for any questions', () => {
  const random = createRandom(7)
  const one = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const value = (): Json => one<Json>('a', 'b', 'ab', '', 'a"b', 'é', null, true, false, 0, 1, 2, raw('1e400'), [], ['a'], ['a', 'b'], ['b'], [1], ['a', 2], {}, { name: 'a' }, { groups: ['a'] }, [{ name: 'a', kind: 'b' }], [{ kind: 'b' }, { kind: 'b' }])
  const some = (make: Record<string, () => Json>): JsonObject => Object.fromEntries(Object.entries(make).filter(() => random() < 0.8).map(([name, of]) => [name, of()]))
  const question = (): JsonObject =>
    some({
      who: () => (random() < 0.9 ? some({ groups: value, kind: () => one('a', 'b'), claims: value }) : value()),
      call: () => (random() < 0.9 ? some({ name: () => one('a', 'b'), arguments: value, labels: () => (random() < 0.8 ? some({ tier: () => one('x', 'y') }) : value()) }) : value()),
      body: () => (random() < 0.8 ? {} : value()), list: () => (random() < 0.7 ? [] : value()), found: value, session: () => one<Json>({}, { calls: 1 }, value()), now: value, toString: () => one('a', 'b'), constructor: value,
    })
  const known = outlines()
  const count = { found: 0, other: 0 }
  let last = question()
  for (let at = 0; at < 10_000; at += 1) {
    const next = random() < 0.5 ? question() : { ...last, now: value(), found: value(), session: value() }
    last = next
    const found = known.find(next)
    if (found === undefined) {
      count.other += 1
      known.keep(next, printSettled(next))
      continue
    }
    count.found += 1
    expect(found).toBe(printSettled(next))
    expect(known.varying()).toBe(printVarying(next))
  }
  expect(count.found).toBeGreaterThan(1000)
  expect(count.other).toBeGreaterThan(1000)
})

test('where everything is read there is nothing to compare', () => {
  expect(createOutlines(wantedOf(['']), wantedOf(['/now']))).toBeUndefined()
  expect(createOutlines(wantedOf(['/now']), wantedOf(['']))).toBeUndefined()
})
