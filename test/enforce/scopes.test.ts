import { fc } from '../support/property.ts'
import { isCovered, positionAfter, readMasks, type MaskRule } from '../../src/enforce/mask-rules.ts'
import { covers } from '../../src/enforce/pointer.ts'
import { Scopes } from '../../src/enforce/scopes.ts'
import { byDetector } from './support.ts'

test('rules found together are those found one by one', () => {
  const step = fc.constantFrom('a', 'b', '0')
  const pointer = fc.array(fc.oneof(step, fc.constantFrom('*', '**')), { maxLength: 4 })
  const place = fc.array(step, { maxLength: 4 })
  fc.assert(fc.property(fc.array(fc.option(pointer), { maxLength: 8 }), place, fc.array(place, { minLength: 1, maxLength: 4 }), fc.option(place), (pointers, root, places, around) => {
    const detectors = ['us_ssn']
    const read = readMasks(pointers.map((steps, index) => byDetector('us_ssn', { rule: `p/mask/${index}`, ...(steps !== null && { path: steps.map((step) => `/${step}`).join('') }) })), detectors)
    const rules = read.ok ? read.rules : []
    expect(rules).toHaveLength(pointers.length)
    const isInside = ({ segments }: MaskRule): boolean => segments !== undefined && [root, ...(around === null ? [] : [around])].some((at) => covers(segments, at))
    const target = { root, isInside, position: (segments: NonNullable<MaskRule['segments']>) => positionAfter(segments, root) }
    const scopes = new Scopes(rules, isInside)
    const placed = rules.filter(({ segments }) => segments !== undefined)
    const everyPlace = new Scopes(placed, () => false)
    for (const keys of places) expect(everyPlace.covering(keys)).toEqual(placed.filter(({ segments = [] }) => covers(segments, keys)))
    const [one, together] = [new Set<MaskRule>(), new Set<MaskRule>()]
    for (const keys of places) {
      const covering = rules.filter((rule) => isCovered(target, rule, keys))
      for (const rule of covering) one.add(rule)
      expect(scopes.first('us_ssn', [...root, ...keys], (rule) => together.add(rule))).toBe(covering[0])
      expect(scopes.first('email', [...root, ...keys], (rule) => together.add(rule))).toBeUndefined()
    }
    expect(together).toEqual(one)
  }), { numRuns: 1000 })
})
