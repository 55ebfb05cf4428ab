import { readFileSync } from 'node:fs'
import { fc } from '../../support/property.ts'
import { stringify } from 'yaml'
import { buildBundle } from '../../../src/bundle/build.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { compiledOf } from '../../../src/bundle/rules/apply-rules.ts'
import { explainRules } from '../../../src/bundle/rules/explain.ts'
import { sourcesOf } from '../../../src/bundle/source/read-directory.ts'
import type { Sources } from '../../../src/bundle/source/sources.ts'
import type { Json } from '../../../src/model.ts'
import { compileModule, instantiate } from '../../../src/policy/host.ts'
import { questions, rulesFiles } from './arbitrary.ts'

const opa = createOpa()
const options = { opa, ...(await readBuildOptions()) }
afterAll(() => opa.close())

const everyWord = readFileSync(new URL('every-word.rules.yaml', import.meta.url), 'utf8')
const verdicts = ['allow', 'allow_server', 'deny', 'require_approval', 'risk', 'mask'] as const

const sourceOf = async (files: Readonly<Record<string, string>>): Promise<Sources> => {
  const read = await sourcesOf(new Map(Object.entries(files)), { revision: 'test' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems, null, 1))
  return read.sources
}
const explained = (sources: Sources): string => {
  const compiled = compiledOf(sources)
  if (compiled === undefined) throw new Error('no rules')
  return explainRules(compiled)
}

/** What both say about a question, asked in one module. */
const askedBoth = async (rules: string) => {
  const printed = explained(await sourceOf({ 'rules.yaml': rules }))
  const both = await sourceOf({ 'rules.yaml': rules, 'policies/from_rules/from_rules.rego': printed })
  // Nothing that the check refuses in a policy written by hand.
  const found = await opa.semantics({ modules: both.modules, data: both.data, library: both.library, detectors: options.detectors, capabilities: options.capabilities, schemas: { input: options.schema, question: options.schema }, strict: true })
  if (found.length > 0) throw new Error(`${JSON.stringify(found, null, 1)}\n${printed}`)
  const said = verdicts.filter((verdict) => new RegExp(`^${verdict} `, 'm').test(printed))
  const entrypoints = said.flatMap((verdict) => [`policies/rules/${verdict}`, `policies/from_rules/${verdict}`])
  const built = await opa.build({ modules: both.modules, data: both.data, capabilities: options.capabilities, entrypoints })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const instance = instantiate(await compileModule(built.result.wasm), { data: JSON.stringify(both.data) })
  const fuel = { rules: 0, from_rules: 0 }
  const answer = (name: keyof typeof fuel, verdict: string, input: string): unknown => {
    const outcome = instance.evaluate(`policies/${name}/${verdict}`, input, 100_000_000)
    if (!outcome.ok) throw new Error(`${outcome.fault}: ${outcome.detail}`)
    fuel[name] += outcome.fuel
    const value = (outcome.results[0] as { result?: Json } | undefined)?.result
    return Array.isArray(value) ? value.map((entry) => JSON.stringify(entry)).sort() : value
  }
  const ask = (question: object) => said.map((verdict) => ({ verdict, interpreted: answer('rules', verdict, JSON.stringify(question)), printed: answer('from_rules', verdict, JSON.stringify(question)) }))
  return { ask, fuel }
}

test('what is printed is a policy as one writes it, and decides as the rules do', async () => {
  const seen = new Map<string, Set<boolean>>()
  for (const rules of fc.sample(rulesFiles(8), { numRuns: 4, seed: 20_261 })) {
    const { ask } = await askedBoth(stringify(rules))
    fc.assert(fc.property(questions, (question) => {
      for (const { verdict, interpreted, printed } of ask(question)) {
        expect({ verdict, said: interpreted }).toEqual({ verdict, said: printed })
        seen.set(verdict, (seen.get(verdict) ?? new Set()).add(Array.isArray(interpreted) ? interpreted.length > 0 : interpreted === true))
      }
    }), { numRuns: 200 })
  }
  // Each verdict was said and was not.
  expect(verdicts.map((verdict) => [verdict, seen.get(verdict)?.size])).toEqual(verdicts.map((verdict) => [verdict, 2]))
})

test('every word of the language is printed, and decides as it is read, at a like cost', async () => {
  const { ask, fuel } = await askedBoth(everyWord)
  fc.assert(fc.property(questions, (question) => {
    for (const { verdict, interpreted, printed } of ask(question)) expect({ verdict, said: interpreted }).toEqual({ verdict, said: printed })
  }), { numRuns: 300 })
  expect(fuel.rules / fuel.from_rules).toBeLessThan(2)
})

test('of many rules only those cost that may be meant', async () => {
  const manyRules = (count: number): string => `deny:\n${Array.from({ length: count }, (_, at) => `  - { id: d${at}, tools: tool_${at}, arguments: { sql: { matches: 'x{${(at % 9) + 1}}' } } }\n`).join('')}`
  const [few, many] = [await sourceOf({ 'rules.yaml': manyRules(10) }), await sourceOf({ 'rules.yaml': manyRules(1000) })]
  const entrypoint = 'sallyport/decision'
  const built = await opa.build({ modules: few.modules, data: few.data, capabilities: options.capabilities, entrypoints: [entrypoint] })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  expect(few.modules).toEqual(many.modules)
  const module = await compileModule(built.result.wasm)
  const question = { actor: { kind: 'person', groups: [], groups_known: true }, upstream: { name: 'crm' }, message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-06-18', call: { kind: 'tool', name: 'tool_7', arguments: { sql: 'y' } }, body: {} } }
  const fuelOf = ({ data }: Sources): number => {
    const outcome = instantiate(module, { data: JSON.stringify(data) }).evaluate(entrypoint, JSON.stringify(question), 100_000_000)
    if (!outcome.ok) throw new Error(outcome.detail)
    return outcome.fuel
  }
  expect(fuelOf(many) / fuelOf(few)).toBeLessThan(1.1)
})

test('the printed module alone is a source', async () => {
  const printed = explained(await sourceOf({ 'rules.yaml': everyWord }))
  const built = await buildBundle(await sourceOf({ 'policies/from_rules/from_rules.rego': printed }), options)
  expect(built).toMatchObject({ ok: true, bundle: { rules: { 'from_rules/deny/arguments': { title: 'arguments', remedy: 'Ask for less.', link: 'https://example.com/rules' } } } })
})

test('of one rule only that one is printed, with what it leans on', async () => {
  const compiled = compiledOf(await sourceOf({ 'rules.yaml': everyWord }))
  if (compiled === undefined) throw new Error('no rules')
  const one = explainRules(compiled, { id: 'bulk', name: 'mine' })
  expect(one).toMatch(/^package policies\.mine\n/)
  expect(one.match(/ contains \{"code": ?"[^"]*"/g)).toEqual([' contains {"code":"bulk"'])
  expect(one).not.toMatch(/climbs|texts|allow/)
  const formatted = await opa.fmt({ 'x.rego': one })
  expect(formatted.ok).toBe(true)
})
