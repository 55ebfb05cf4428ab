import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startFixture } from '../test/conformance/http.ts'
import { allowAll, startGateway } from '../test/support/gateway.ts'
import { startAdapter } from './conformance/adapter.ts'
import { compare, type Comparison, type Expected } from './conformance/compare.ts'
import { clients, runClients, runSuite, suites, type Check, type Suite } from './conformance/suites.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, only: { type: 'string' }, keep: { type: 'string' } } })
const isChosen = ({ name }: Expected) => values.only === undefined || values.only === name
const chosen = [...suites, clients].filter(isChosen)
if (chosen.length === 0) {
  process.stderr.write(`--only takes one of ${[...suites, clients].map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const say = (line: string) => (values.json ? process.stderr : process.stdout).write(`${line}\n`)

const directory = values.keep ?? (await mkdtemp(join(tmpdir(), 'conformance-')))
interface Leg {
  readonly suite: Expected
  readonly way: 'direct' | 'gateway'
  readonly run: () => Promise<readonly Check[]>
}
// A fixture for each run: what one of them tells its listeners must not reach another.
const fixtures = await Promise.all(suites.map(async (suite) => ({ suite, direct: await startFixture(), behind: await startFixture() })))
const gateway = await startGateway({
  upstreams: Object.fromEntries(fixtures.map(({ suite, behind }) => [nameOf(suite), { url: behind.url }])),
  rego: { 'policies/open/open.rego': allowAll },
})
try {
  const serverLegs = fixtures.filter(({ suite }) => isChosen(suite)).flatMap(({ suite, direct }): Leg[] => [
    { suite, way: 'direct', run: () => runSuite(suite, direct.url, join(directory, suite.name, 'direct')) },
    { suite, way: 'gateway', run: () => throughGateway(suite) },
  ])
  const clientLegs = (['gateway', 'direct'] as const).map((way): Leg => ({ suite: clients, way, run: () => runClients(way, join(directory, clients.name, way)) }))
  // The longest first, so that the others fit beside it.
  const legs = [...(isChosen(clients) ? clientLegs : []), ...serverLegs]
  const done = await inTurn(legs, 2, async (leg) => {
    const started = performance.now()
    const checks = await leg.run()
    say(`${leg.suite.name} ${leg.way}: ${passedOf(checks)} checks pass (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    return { ...leg, checks }
  })
  const checksOf = (suite: Expected, way: Leg['way']) => done.find((leg) => leg.suite === suite && leg.way === way)?.checks ?? []
  report(chosen.map((suite) => compare(suite, checksOf(suite, 'direct'), checksOf(suite, 'gateway'))))
} finally {
  await gateway.close()
  await Promise.all(fixtures.flatMap(({ direct, behind }) => [direct.close(), behind.close()]))
  if (values.keep === undefined) await rm(directory, { recursive: true, force: true })
}

async function throughGateway(suite: Suite): Promise<readonly Check[]> {
  const token = await gateway.token({ subject: `suite ${suite.name}`, groups: [] }, nameOf(suite))
  const adapter = await startAdapter(gateway.mcp(nameOf(suite)), token)
  try {
    return await runSuite(suite, adapter.url, join(directory, suite.name, 'gateway'))
  } finally {
    await adapter.close()
  }
}

function report(comparisons: readonly Comparison[]): void {
  const ok = comparisons.every(({ fixture, worse }) => fixture.length === 0 && worse.length === 0)
  if (values.json) process.stdout.write(`${JSON.stringify({ ok, suites: comparisons })}\n`)
  for (const { suite, direct, gateway: through, fixture, worse, better } of values.json ? [] : comparisons) {
    say(`${suite}: directly ${direct.passed} pass and ${direct.failed} fail, through the gateway ${through.passed} pass and ${through.failed} fail`)
    for (const line of fixture) say(`  fixture: ${line}`)
    for (const line of worse) say(`  worse: ${line}`)
    for (const line of better) say(`  better: ${line}`)
  }
  process.exitCode = ok ? 0 : 1
}

function nameOf(suite: Suite): string {
  return `suite-${suite.name.replaceAll('.', '-')}`
}

function passedOf(checks: readonly Check[]): number {
  return checks.filter(({ status }) => status === 'SUCCESS').length
}

async function inTurn<I, O>(items: readonly I[], width: number, work: (item: I) => Promise<O>): Promise<O[]> {
  const queue = items.entries()
  const results: O[] = []
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
