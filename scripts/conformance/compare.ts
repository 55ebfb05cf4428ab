import type { Check } from './suites.ts'

export interface Comparison {
  readonly suite: string
  readonly direct: Counts
  readonly gateway: Counts
  /** Why the direct run is not what it has to be. */
  readonly fixture: readonly string[]
  /** What the gateway made worse. */
  readonly worse: readonly string[]
  readonly better: readonly string[]
}
interface Counts {
  readonly passed: number
  readonly failed: number
}

const count = (checks: readonly Check[], status: string) => checks.filter((check) => check.status === status).length
const countsOf = (checks: readonly Check[]): Counts => ({ passed: count(checks, 'SUCCESS'), failed: count(checks, 'FAILURE') })

/** What a suite has to come to directly. */
export interface Expected {
  readonly name: string
  readonly passes: number
  /** Scenarios that do not count: extensions which the SDK does not implement. */
  readonly mayFail?: RegExp
}

/** A check may occur several times in one scenario: it got worse where fewer of them succeed or more of them fail. */
export function compare(suite: Expected, direct: readonly Check[], gateway: readonly Check[]): Comparison {
  const wrong = direct.filter(({ status, scenario }) => status === 'FAILURE' && suite.mayFail?.test(scenario) !== true).map(describe)
  const { passed } = countsOf(direct)
  const keys = [...new Set([...direct, ...gateway].map(keyOf))]
  const moved = keys.map((key) => {
    const [before, after] = [direct, gateway].map((checks) => checks.filter((check) => keyOf(check) === key)) as [Check[], Check[]]
    const change = { passed: count(after, 'SUCCESS') - count(before, 'SUCCESS'), failed: count(after, 'FAILURE') - count(before, 'FAILURE') }
    return { key, change, after }
  })
  return {
    suite: suite.name,
    direct: countsOf(direct),
    gateway: countsOf(gateway),
    fixture: [...wrong, ...(passed === suite.passes ? [] : [`${passed} checks pass directly, ${suite.passes} should`])],
    worse: moved.filter(({ change }) => change.passed < 0 || change.failed > 0).map(({ key, after }) => (after.length === 0 ? `${key}: not reached` : after.map(describe).join('\n'))),
    better: moved.filter(({ change }) => change.failed < 0 && change.passed >= 0).map(({ key }) => key),
  }
}

const keyOf = ({ scenario, id }: Check) => `${scenario}/${id}`
const describe = (check: Check) => `${keyOf(check)}: ${check.status} ${check.message}`.trim()
