import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../src/bundle/options.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { fileURLToPath } from 'node:url'
import type { Decision, Logger } from '../../src/model.ts'
import { createPolicyEngine } from '../../src/policy/engine.ts'
import { questionOf, readYaml, type Case, type People, type Wanted } from './question.ts'

const folder = new URL('../../bundles/demo/', import.meta.url)
const manifest = readYaml(new URL('manifest.yaml', folder)) as { readonly source: string; readonly cases: string }
const inCases = (name: string): unknown => readYaml(new URL(`${manifest.cases}/${name}.yaml`, folder))
const people = inCases('people') as People
const cases = ['access', 'calls', 'answers'].flatMap((name) => inCases(name) as readonly Case[])

const silent = (): void => {}
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent }
const engine = createPolicyEngine({ detectors: shippedDetectors, logger })
afterAll(() => engine.close())
beforeAll(async () => {
  const read = await readDirectory(fileURLToPath(new URL(manifest.source, folder)))
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const opa = createOpa()
  const built = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
  await opa.close()
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  await engine.activate(built.bundle)
})

/** What a case says of a decision, in the case's words. */
const told = (decision: Decision, want: Wanted): Wanted => ({
  ...('kind' in want ? { kind: decision.kind } : {}),
  ...('reasons' in want ? { reasons: decision.reasons.map(({ rule }) => rule).sort() } : {}),
  ...('risk' in want ? { risk: decision.risk } : {}),
  ...('listed' in want ? { listed: decision.listed } : {}),
  ...(decision.kind === 'require_approval' ? { ttl: decision.approval.ttl, requirements: decision.approval.requirements.map(({ rule }) => rule) } : {}),
})

test.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
  expect(told(await engine.decide(questionOf(one, people)), one.want)).toEqual(one.want)
})

test('reasons carry what METADATA says of their rule', async () => {
  const decision = await engine.decide(questionOf({ name: '', who: 'support', call: ['crm', 'query', { sql: 'DROP TABLE x' }], want: {} }, people))
  expect(decision.reasons[0]).toMatchObject({ title: 'Destructive SQL', remedy: expect.stringContaining('alter_schema') as string })
  const refused = await engine.decide(questionOf({ name: '', who: 'stranger', call: ['crm', 'query', {}], want: {} }, people))
  expect(refused.reasons[0]).toMatchObject({ title: 'Not allowed', remedy: expect.any(String) as string })
})

test('the same question has the same answer', async () => {
  const question = questionOf({ name: '', who: 'support', answer: ['crm', 'query'], want: {} }, people)
  const first = await engine.decide(question)
  for (let time = 0; time < 20; time += 1) expect(await engine.decide(question)).toEqual(first)
})
