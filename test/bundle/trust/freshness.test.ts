import { createFreshness } from '../../../src/bundle/trust/freshness.ts'
import type { Age, Freshness, MaxAge } from '../../../src/bundle/trust/freshness.ts'
import { until } from '../../support/conditions.ts'

const silent = { error: () => undefined, info: () => undefined }
const open = (maxAge: MaxAge, since?: number) => {
  let now = 1_000_000
  const saved: number[] = []
  const told: Age[] = []
  const freshness: Freshness = createFreshness({ maxAge, since, clock: () => now, logger: silent, onChange: (age) => told.push(age), save: (at) => saved.push(at) })
  return { freshness, saved, told, pass: (ms: number) => (now += ms) }
}

test('alarm, then stale, each from its moment on, and current again once it was found so', () => {
  const { freshness, told, pass } = open({ alarm: 1000, deny: 3000 })
  const states = [999, 1, 1999, 1].map((ms) => (pass(ms), freshness.state()))
  expect(states).toEqual(['current', 'alarm', 'alarm', 'stale'])
  freshness.found()
  expect([freshness.state(), freshness.age()]).toEqual(['current', 0])
  expect(told.at(-1) ?? 'current').toBe('current')
  freshness.close()
})

test('without a limit to deny by it only alarms', () => {
  const { freshness, pass } = open({ alarm: 1000 })
  pass(1_000_000_000)
  expect(freshness.state()).toBe('alarm')
  freshness.close()
})

test('a restart does not make it younger, and is told at once', () => {
  const { freshness, told } = open({ alarm: 1000, deny: 3000 }, 1_000_000 - 5000)
  expect([freshness.state(), told]).toEqual(['stale', ['stale']])
  freshness.close()
})

test('a clock that goes back makes it no older than new, and never saves less often', () => {
  const { freshness, saved, pass } = open({ alarm: 1000 })
  freshness.found()
  pass(-500_000)
  expect([freshness.age(), freshness.state()]).toEqual([0, 'current'])
  freshness.found()
  expect(saved).toEqual([1_000_000, 500_000])
  freshness.close()
})

test('it is saved often enough for what it is for, and no more often', () => {
  const { freshness, saved, pass } = open({ alarm: 2000, deny: 4000 })
  for (let step = 0; step < 100; step += 1) {
    freshness.found()
    pass(10)
  }
  expect(saved).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((hundreds) => 1_000_000 + hundreds * 100))
  freshness.close()
})

test('it is told without being asked', async () => {
  const told: Age[] = []
  const freshness = createFreshness({ maxAge: { alarm: 30, deny: 60 }, since: undefined, clock: Date.now, logger: silent, onChange: (age) => told.push(age), save: () => undefined })
  await until(() => told.includes('stale'))
  freshness.found()
  expect(told.filter((age, at) => age !== told[at - 1])).toEqual(told)
  expect(told.slice(-2)).toEqual(['stale', 'current'])
  freshness.close()
})

test('a clock that is set back for good makes nothing younger: what has passed has passed', async () => {
  const { freshness, told, pass } = open({ alarm: 20, deny: 60 })
  freshness.found()
  pass(-500_000)
  await until(() => told.includes('stale'))
  expect(freshness.state()).toBe('stale')
  freshness.found()
  expect(freshness.state()).toBe('current')
  freshness.close()
})
