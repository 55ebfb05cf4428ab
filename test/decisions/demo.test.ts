import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../src/bundle/options.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../../src/model.ts'
import { createPolicyEngine } from '../../src/policy/engine.ts'
import { parse } from 'yaml'
import { readFileSync } from 'node:fs'
import { inOrder, questionOf, told } from '../../src/bundle/cases/question.ts'
import { readCases } from '../../src/bundle/cases/read.ts'
import type { Case, People } from '../../src/bundle/cases/shape.ts'

const folder = new URL('../../bundles/demo/', import.meta.url)
const readYaml = (name: string): unknown => parse(readFileSync(new URL(name, folder), 'utf8'))
const manifest = readYaml('manifest.yaml') as { readonly source: string; readonly cases: string }
const people = readYaml(`${manifest.cases}/people.yaml`) as People
const read = await readCases({}, fileURLToPath(new URL(manifest.cases, folder)))
if (!read.ok) throw new Error(JSON.stringify(read.problems))
const ask = (one: Omit<Case, 'name' | 'want'>) => {
  const question = questionOf({ name: '', want: {}, ...one }, people)
  if (question === undefined) throw new Error(`nobody is called ${one.who}`)
  return question
}

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

test.each(read.cases.map((one) => [one.name, one] as const))('%s', async (_, { question, want }) => {
  expect(told(await engine.decide(question), want)).toEqual(inOrder(want))
})

test('reasons carry what METADATA says of their rule', async () => {
  const decision = await engine.decide(ask({ who: 'support', call: ['crm', 'query', { sql: 'DROP TABLE x' }] }))
  expect(decision.reasons[0]).toMatchObject({ title: 'Destructive SQL', remedy: expect.stringContaining('alter_schema') as string })
  const refused = await engine.decide(ask({ who: 'stranger', call: ['crm', 'query', {}] }))
  expect(refused.reasons[0]).toMatchObject({ title: 'Not allowed', remedy: expect.any(String) as string })
})

test('the same question has the same answer', async () => {
  const question = ask({ who: 'support', answer: ['crm', 'query'] })
  const first = await engine.decide(question)
  for (let time = 0; time < 20; time += 1) expect(await engine.decide(question)).toEqual(first)
})
