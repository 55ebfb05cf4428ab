import { fc } from '../support/property.ts'
import type { Answer } from '../../src/approval/approval-store.ts'
import { createForwardClock } from '../../src/forward-clock.ts'
import { lifetimeOf } from '../../src/approval/lifetime.ts'
import { isOwnRequest, isSameCaller, isSamePerson } from '../../src/approval/person.ts'
import { answerable, areAllMet, areSameRequirements, isMet } from '../../src/approval/quorum.ts'
import type { Principal, Requirement } from '../../src/model.ts'

const requirement = (quorum: number, reviewers = ['oncall']): Requirement => ({ rule: 'crm/require_approval/bulk', code: 'bulk', reviewers, quorum })
const principals: fc.Arbitrary<Principal> = fc.record(
  { issuer: fc.constantFrom('i1', 'i2', 'i3'), subject: fc.constantFrom('a', 'b', 'c'), email: fc.constantFrom('a@x', 'A@x ', 'b@x') },
  { requiredKeys: ['issuer', 'subject'] },
)
const answers: fc.Arbitrary<Answer[]> = fc.array(
  fc.record({
    requirement: fc.constant('crm/require_approval/bulk'), index: fc.nat({ max: 2 }), verdict: fc.constantFrom('approve', 'deny'), reviewer: principals,
    reason: fc.constant(''), at: fc.nat(), mark: fc.constant(''),
  }),
)

test('a quorum is never met by fewer people, nor unmet by more answers', () => {
  fc.assert(
    fc.property(answers, fc.integer({ min: 1, max: 4 }), fc.nat({ max: 2 }), (given, quorum, index) => {
      const mine = given.filter((each) => each.index === index && each.verdict === 'approve')
      const names = new Set(mine.map(({ reviewer }) => `${reviewer.issuer} ${reviewer.subject}`))
      if (isMet(requirement(quorum), index, given)) {
        expect(names.size).toBeGreaterThanOrEqual(quorum)
        expect(isMet(requirement(quorum), index, [...given, ...given])).toBe(true)
      }
      // However often one and the same person answers, they are one.
      const first = mine[0]
      const alone = first === undefined ? [] : mine.filter(({ reviewer }) => isSamePerson(reviewer, first.reviewer))
      expect(isMet(requirement(2), index, alone.filter((each) => alone.every((other) => isSamePerson(each.reviewer, other.reviewer))))).toBe(false)
    }),
  )
})

test('all requirements are met only when each is, and none is never all', () => {
  fc.assert(
    fc.property(answers, (given) => {
      const all = [requirement(1), requirement(2), requirement(1)]
      expect(areAllMet(all, given)).toBe(all.every((each, index) => isMet(each, index, given)))
    }),
  )
  expect(areAllMet([], [])).toBe(false)
})

test('being the same person goes both ways; without an e-mail only the issuer and subject tell', () => {
  fc.assert(fc.property(principals, principals, (a, b) => expect(isSamePerson(a, b)).toBe(isSamePerson(b, a))))
  expect(isSamePerson({ issuer: 'i1', subject: 'a' }, { issuer: 'i2', subject: 'a' })).toBe(false)
  expect(isSamePerson({ issuer: 'i1', subject: 'a', email: '' }, { issuer: 'i2', subject: 'b', email: '' })).toBe(false)
})

test('a request is one’s own through any length of acting for', () => {
  const alice: Principal = { issuer: 'i', subject: 'alice' }
  const agent: Principal = { issuer: 'i', subject: 'agent', acting_for: { issuer: 'i', subject: 'job', acting_for: alice } }
  expect(isOwnRequest(alice, agent)).toBe(true)
  expect(isOwnRequest(agent, alice)).toBe(true)
  expect(isOwnRequest({ issuer: 'i', subject: 'bob' }, agent)).toBe(false)
  expect(isSameCaller({ ...agent, kind: 'agent' }, { kind: 'agent', issuer: 'i', subject: 'agent' })).toBe(false)
  expect(isSameCaller({ ...alice, kind: 'person' }, { ...alice, kind: 'service' })).toBe(false)
  expect(isSameCaller({ ...alice, kind: 'person' }, { ...alice, kind: 'person' })).toBe(true)
})

test('requirements are the same whatever their order, and other when rule, reviewers or quorum are', () => {
  const a = requirement(1, ['x', 'y'])
  expect(areSameRequirements([a, requirement(2)], [requirement(2), requirement(1, ['y', 'x'])])).toBe(true)
  for (const other of [requirement(2, ['x', 'y']), requirement(1, ['x']), { ...a, rule: 'r' }]) expect(areSameRequirements([a], [other])).toBe(false)
})

test('a requirement is answerable by members of any of its groups', () => {
  const all = [requirement(1, ['oncall', 'dba']), requirement(1, ['legal'])]
  expect(answerable(all, ['dba'])).toEqual([0])
  expect(answerable(all, ['dba', 'legal'])).toEqual([0, 1])
  expect(answerable(all, ['oncall '])).toEqual([])
})

test.each([
  ['15m', 900_000], ['90s', 90_000], ['1h30m', 5_400_000], ['24h', 86_400_000], ['25h', 86_400_000], ['9999999h', 86_400_000], ['', 900_000], ['0m', 900_000], ['-5m', 900_000],
  ['5', 900_000], ['1e9h', 900_000],
])('the lifetime %j is %i ms', (ttl, ms) => expect(lifetimeOf(ttl)).toBe(ms))

test('a clock set back does not bring back what has passed, and time goes on running', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ wall: fc.integer({ min: -3_600_000, max: 3_600_000 }), ticks: fc.nat({ max: 10_000 }) })), (steps) => {
      let wall = 1_000_000_000
      let ticks = 0
      const clock = createForwardClock(() => wall, () => ticks)
      let last = clock()
      for (const step of steps) {
        wall += step.wall
        ticks += step.ticks
        const at = clock()
        expect(at - last).toBeGreaterThanOrEqual(step.ticks)
        expect(at).toBeGreaterThanOrEqual(wall)
        last = at
      }
    }),
  )
})
