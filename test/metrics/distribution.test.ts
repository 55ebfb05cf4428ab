import { fc } from '../support/property.ts'
import { AggregatorRegistry, Histogram, Registry } from 'prom-client'
import { Distribution } from '../../src/metrics/distribution.ts'

const options = { name: 'seconds', help: 'Time', buckets: [0.1, 1, 5] }

function both(values: readonly number[]) {
  const [own, theirs] = [new Registry(), new Registry()]
  const distribution = new Distribution({ ...options, registers: [own] })
  const histogram = new Histogram({ ...options, registers: [theirs] })
  for (const value of values) {
    distribution.add(value)
    histogram.observe(value)
  }
  return { own, theirs }
}

test('it prints what the histogram of the library prints', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.double({ min: 0, max: 10, noNaN: true }), fc.constantFrom(...options.buckets)), { minLength: 1 }), async (values) => {
      const { own, theirs } = both(values)
      expect(await own.metrics()).toBe(await theirs.metrics())
    }),
  ))

test('those of several processes add up', async () => {
  const parts = [both([0.05, 2]), both([7])]
  const together = (which: 'own' | 'theirs') => Promise.all(parts.map((part) => part[which].getMetricsAsJSON())).then((all) => AggregatorRegistry.aggregate(all).metrics())
  expect(await together('own')).toBe(await together('theirs'))
  expect(await together('own')).toContain('seconds_count 3')
})
