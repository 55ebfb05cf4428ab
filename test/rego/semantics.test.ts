import { readdirSync, readFileSync } from 'node:fs'
import { createOpa, type OpaSources } from '../../src/bundle/opa.ts'
import { shippedDetectors } from '../../src/bundle/options.ts'
import type { Problem } from '../../src/bundle/problem.ts'
import { readLibrary } from '../../src/bundle/source/read-directory.ts'
import type { JsonObject } from '../../src/model.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { readRefusals, type Refusal } from './table.ts'

const refusals = readRefusals()
const opa = createOpa()
const library = await readLibrary()
afterAll(() => opa.close())

const sourcesOf = (modules: Readonly<Record<string, string>>, data: JsonObject): OpaSources => ({
  modules: { ...library, ...modules },
  library: Object.keys(library),
  detectors: shippedDetectors,
  data,
})

/** In packages of their own the files do not see each other, so that one pass looks at all that bring no data. */
const apart = ({ name, text }: Refusal): string => text.replace('package policies.example\n', `package policies.${name.replace('.rego', '')}\n`)
const together = refusals.filter(({ data }) => Object.keys(data).length === 0)
const found = await opa.semantics(sourcesOf(Object.fromEntries(together.map((refusal) => [refusal.name, apart(refusal)])), {}))
const problemsOf = async (refusal: Refusal): Promise<readonly Problem[]> =>
  together.includes(refusal) ? found.filter(({ file }) => file === refusal.name) : opa.semantics(sourcesOf({ [refusal.name]: refusal.text }, refusal.data))

/** Everybody in support may use every tool of crm, so that nothing but the refused file stands in the way. */
const base = `package policies.base

allow if {
	input.upstream.name == "crm"
	"support" in input.actor.groups
}
`
async function unchecked({ name, text, data, question }: Refusal): Promise<string> {
  const built = await opa.build({ ...sourcesOf({ 'policies/base/base.rego': base, [name]: text }, data), entrypoints: ['sallyport/decision'] })
  if (!built.ok || !WebAssembly.validate(built.result.wasm)) return 'fault'
  const all = { sallyport_build: { reads_groups: true, detectors: shippedDetectors }, ...data }
  const instance = instantiate(await compileModule(built.result.wasm), { data: JSON.stringify(all) })
  const outcome = instance.evaluate('sallyport/decision', JSON.stringify(question), 50_000_000)
  if (!outcome.ok) return 'fault'
  const { kind, reasons } = (outcome.results[0] as { result: { kind: string; reasons: readonly JsonObject[] } }).result
  return kind === 'deny' ? `deny ${reasons[0]?.['code'] as string}` : kind
}

describe.each(refusals.map((refusal) => [refusal.name, refusal] as const))('%s', (_, refusal) => {
  test(`is refused as ${refusal.refused}, with a remedy`, async () => {
    const problems = await problemsOf(refusal)
    expect(problems).not.toEqual([])
    for (const problem of problems) {
      expect(problem).toMatchObject({ code: refusal.refused, message: expect.any(String), remedy: expect.stringMatching(/\S/) })
    }
  })

  test(`unchecked: ${refusal.without}`, async () => {
    expect(await unchecked(refusal)).toBe(refusal.answer)
  })
})

test('nothing is refused where no field can silence a rule', async () => {
  const folder = new URL('./accepted/', import.meta.url)
  const modules = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]))
  const data = { readers: ['oncall'], hidden: ['/a'], longest: { query: 1000 }, points: { granted: 1 }, thresholds: { approve: 1, deny: 1 } }
  expect(await opa.check(sourcesOf(modules, data))).toEqual([])
  expect(await opa.semantics(sourcesOf(modules, data))).toEqual([])
})
