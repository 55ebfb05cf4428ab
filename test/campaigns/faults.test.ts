import { campaigns } from '../../scripts/faults/index.ts'
import { missing } from '../../scripts/faults/needs.ts'

// One round of the campaigns that take seconds; `npm run test:faults` runs them, and the others, at full size.

describe.each(['P1', 'P3', 'P8', 'P14'])('%s', (promise) => {
  const { title, needs, run } = campaigns[promise]!
  const absent = missing(needs)
  const onThisMachine = absent.length === 0 ? test : test.skip
  onThisMachine(absent.length === 0 ? title : `NOT PROVED, this machine has no ${absent.join(', ')}: ${title}`, async () => {
    const report = await run({ rounds: 1, messages: 40, say: () => undefined })
    expect(report).toMatchObject({ violations: 0 })
    expect(report.checked).toBeGreaterThan(0)
  })
})
