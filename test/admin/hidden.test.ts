import { hiddenIn } from '../../src/admin/hidden.ts'
import type { Finding, Mask } from '../../src/model.ts'
import { answerEvent, decision } from '../contract/rows.ts'
import { millisOfWork } from '../support/work.ts'

const found = (path: string, detector = 'us_ssn'): Finding => ({ detector, path, count: 1, confidence: 'medium' })
const byPath = (path: string): Mask => ({ path, with: '[MASKED]', must: false, rule: 'test/mask/path' })
const hidden = (masks: readonly Mask[], findings: readonly Finding[], changed: readonly string[] = []) =>
  hiddenIn({ ...answerEvent('1', 'a'), seq: 1, decision: { ...decision('mask'), kind: 'mask', mask: masks }, findings, basis: JSON.stringify({ now: 0, masked: changed }) })

test.each([
  ['/a/b', '/a/b', true],
  ['/a/b', '/a', true],
  ['/a/b', '/a/b/c', true],
  ['/a/b', '/a/c', false],
  ['/rows/*/a', '/rows/*/a', true],
  ['/rows/7/a', '/rows/*/a', true],
  ['/a/~2', '/a/x', false],
  ['/**/a', '/x/y/a', true],
  ['/**/a', '/a', true],
  ['/x/**/a', '/x', false],
  ['/x/**/a/b', '/x/y/a', true],
  ['/x/**', '/x', true],
  ['/x/**', '/x/y/z', true],
  ['/x/**/a/**/b', '/x/1/a/2/3/b', true],
  ['/x/**/a/**/b', '/x/b/2/3/a', false],
])('what a mask of %s covers is hidden at %s: %p', (mask, place, isHidden) => {
  expect(hidden([byPath(mask)], [], [place]).hidden).toEqual(isHidden ? ['test/mask/path'] : [])
})

test('of findings alike but for indices all are counted, and each by itself where a mask names one', () => {
  const rows = Array.from({ length: 12 }, (_, row) => [found(`/rows/${row}/a`), found(`/rows/${row}/b`), found(`/rows/${row}/a`, 'email')]).flat()
  expect(hidden([byPath('/rows/*/a')], rows).hidden_from_record).toEqual([{ detector: 'us_ssn', count: 12 }])
  expect(hidden([byPath('/rows/1/a')], rows).hidden_from_record).toEqual([{ detector: 'email', count: 11 }, { detector: 'us_ssn', count: 23 }])
})

test('several steps of any depth cost little more than one, however deep the places are', () => {
  const findings = Array.from({ length: 50 }, (_, row) => found(`${'/a'.repeat(60)}/x${row}`))
  const work = (deep: number): number => millisOfWork(() => expect(hidden([byPath(`${'/**/a'.repeat(deep)}/b`)], findings).hidden_from_record).toEqual([{ detector: 'us_ssn', count: 50 }]))
  work(1)
  expect(work(4)).toBeLessThan(50 * Math.max(work(1), 2))
})
