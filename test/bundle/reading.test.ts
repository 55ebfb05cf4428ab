import { opaSources } from '../../src/bundle/build.ts'
import { createOpa, type OpaReads } from '../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../src/bundle/options.ts'
import { recallOf } from '../../src/bundle/recall.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import type { Json, JsonObject, Question } from '../../src/model.ts'
import { compileModule, instantiate } from '../../src/policy/host.ts'
import { loadBundle } from '../../src/policy/loaded-bundle.ts'
import { createPrinter } from '../../src/policy/print.ts'
import { bundleOf, createRandom } from '../policy/support.ts'
import { createInputs } from './inputs-alike.ts'
import { readingIn, waysOfReading } from './ways-of-reading.ts'

const seed = Number(process.env['SEED'] ?? 3)
const opa = createOpa()
afterAll(() => opa.close())

interface Made {
  readonly names: readonly string[]
  readonly wasm: Uint8Array
  readonly data: JsonObject
  readonly reads: OpaReads
}
/** Policies that read in these ways, checked for nothing: what no check accepts must be found out as well. */
async function made(forms: readonly number[]): Promise<Made> {
  const random = createRandom(seed)
  const names = forms.map((_, at) => `p${at}`)
  const files = new Map(forms.map((form, at): [string, string] => [`policies/p${at}/p${at}.rego`, readingIn(random, form, `p${at}`)]))
  files.set('policies/other/other.rego', 'package policies.other\n\none := input.actor.subject\n\ndefault three := "none"\n\nthree := input.message.body.a if input.message.call.name == "a"\n')
  files.set('policies/base/base.rego', 'package policies.base\n\nallow if input.actor.kind == "person"\n\nallow if input.message.call.annotations.a\n')
  files.set('data.json', JSON.stringify({ tables: { t: { a: 1, b: 'x', person: 2, crm: 'name', tool: 'email' }, keys: ['actor', 'now', 'nothing'] } }))
  const read = await sourcesOf(files, { revision: 'test' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const entrypoints = ['sallyport/decision', 'sallyport/varying', ...names.map((name) => `policies/${name}/mask`)]
  const built = await opa.build({ ...opaSources(read.sources, await readBuildOptions()), schemas: {}, strict: false, entrypoints })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const { wasm, reads } = built.result
  return { names, wasm, reads, data: { ...read.sources.data, sallyport_build: { reads_groups: reads.groups, detectors: shippedDetectors, varying: recallOf(reads).sets } as unknown as Json } }
}

let every: Made
beforeAll(async () => {
  every = await made(Array.from({ length: 2 * waysOfReading }, (_, at) => at % waysOfReading))
})

test('a rule says the same of what is printed for it as of the whole input, in whatever way it reads', async () => {
  const { names, wasm, data, reads } = every
  const module = await compileModule(wasm)
  let instance = instantiate(module, { data: JSON.stringify(data) })
  const ask = (name: string, input: string): string => {
    if (instance.isSpent()) instance = instantiate(module, { data: JSON.stringify(data) })
    const outcome = instance.evaluate(`policies/${name}/mask`, input, 10_000_000)
    return outcome.ok ? JSON.stringify(outcome.results) : outcome.fault
  }
  const inputs = Array.from({ length: 90 }, createInputs(createRandom(seed + 1), { odd: true }))
  const differing: unknown[] = []
  let telling = 0
  for (const name of names) {
    const pointers = reads.sets[`mask/${name}`]!
    const print = createPrinter(pointers)
    const said = new Set<string>()
    for (const input of inputs) {
      const [some, whole] = [print(input), JSON.stringify(input)].map((text) => ask(name, text))
      if (some !== whole) differing.push({ name, pointers, some, whole, input })
      said.add(whole!)
    }
    if (said.size > 1) telling += 1
  }
  expect(differing.slice(0, 3)).toEqual([])
  expect(telling).toBeGreaterThan(names.length * 0.6)
  expect(Object.values(reads.sets).filter((pointers) => !pointers.includes('')).length).toBeGreaterThan(names.length * 0.8)
})

test('decisions that are recalled are those of the whole input, in whatever way what stands is read', async () => {
  // Where nearly everything varies nothing is recalled.
  const varying = new Set(recallOf(every.reads).sets['mask'])
  const isRecalled = (name: string, at: number): boolean => !every.reads.sets[`mask/${name}`]!.includes('') && (!varying.has(name) || at % 13 === 0)
  const forms = every.names.flatMap((name, at) => (isRecalled(name, at) ? [at % waysOfReading] : []))
  const { wasm, data, reads } = await made(forms)
  const { recall } = recallOf(reads)
  const options = { detectors: shippedDetectors }
  const recalling = await loadBundle(bundleOf(wasm, { data, input_paths: reads.input, recall: recall! }), options)
  const forgetful = await loadBundle(bundleOf(wasm, { data }), options)
  const next = createInputs(createRandom(seed + 2), { odd: false })
  const differing: unknown[] = []
  let recalled = 0
  for (let round = 0; round < 400; round += 1) {
    const asked = next() as unknown as Question
    const judged = recalling.judge(asked, () => {})
    if (!(judged instanceof Promise)) recalled += 1
    const [some, whole] = await Promise.all([judged, forgetful.judge(asked, () => {})])
    const shown = [some, whole].map((verdict) => (verdict.ok ? { ...verdict.decision, bundle: '' } : verdict.detail))
    if (JSON.stringify(shown[0]) !== JSON.stringify(shown[1])) differing.push({ shown, asked })
  }
  await Promise.all([recalling.close(), forgetful.close()])
  expect(differing.slice(0, 2)).toEqual([])
  expect(recalled).toBeGreaterThan(60)
})
