/**
 * Writes `src/policy/capabilities.json`: of all builtins of OPA those that this host really runs. Each is called from a policy
 * that is compiled and run in the host; it stays when the answer is the one that OPA's own evaluator gives.
 * `node scripts/capabilities.ts` writes the file, `--check` compares it and tells what differs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { createOpa, type Opa } from '../src/bundle/opa.ts'
import { compileModule, instantiate } from '../src/policy/host.ts'
import { compiledAway, samples } from './capability-samples.ts'

interface Type {
  readonly type: string
  readonly of?: Type | readonly Type[]
  readonly dynamic?: { readonly value?: Type }
  readonly static?: readonly unknown[]
}
interface Builtin {
  readonly name: string
  readonly decl: { readonly args?: readonly Type[]; readonly result?: Type }
  readonly deprecated?: boolean
}
interface Capabilities {
  readonly builtins: readonly Builtin[]
}

const file = new URL('../src/policy/capabilities.json', import.meta.url)
const fuel = 50_000_000

/**
 * Clock, network, randomness and environment: the same question must have the same decision; and what only Go has.
 * OPA also calls those nondeterministic that follow references or read a clock only when they are asked to: here they do neither.
 */
const out: ReadonlySet<string> = new Set([
  'http.send', 'net.lookup_ip_addr', 'opa.runtime', 'rand.intn', 'uuid.rfc4122', 'time.now_ns', 'providers.aws.sign_req', 'rego.parse_module',
  'strings.render_template', 'crypto.x509.parse_and_verify_certificates', 'crypto.x509.parse_and_verify_certificates_with_options',
])

function isOut({ name, deprecated }: Builtin): boolean {
  return deprecated === true || out.has(name)
}

function sampleOf(type: Type): string {
  const inner = Array.isArray(type.of) ? (type.of as readonly Type[])[0] : (type.of as Type | undefined)
  switch (type.type) {
    case 'string':
      return '"1"'
    case 'number':
      return '1'
    case 'boolean':
      return 'true'
    case 'set':
      return `{${sampleOf(inner ?? { type: 'string' })}}`
    case 'array':
      return type.static ? '[]' : `[${sampleOf((type.dynamic as Type | undefined) ?? { type: 'string' })}]`
    case 'object':
      return '{"1": "1"}'
    default:
      return inner === undefined ? '"1"' : sampleOf(inner)
  }
}

/** Expressions that call a builtin; their answers are compared. */
function callsOf({ name, decl }: Builtin): readonly string[] {
  return samples[name] ?? [`${name}(${(decl.args ?? []).map(sampleOf).join(', ')})`]
}

async function runs(opa: Opa, builtins: readonly Builtin[]): Promise<ReadonlySet<string>> {
  const calls = builtins.flatMap((builtin) => callsOf(builtin).map((call) => ({ name: builtin.name, call })))
  const rules = calls.map(({ call }, index) => `p${index} := ${call}`)
  const modules = { 'probe.rego': `package probe\n\n${rules.join('\n\n')}\n` }
  const built = await opa.build({ modules, entrypoints: calls.map((_, index) => `probe/p${index}`) })
  if (!built.ok) throw new Error(`the samples do not compile: ${JSON.stringify(built.problems.slice(0, 5), null, 2)}`)
  const expected = await valueOf(opa, modules)
  const module = await compileModule(built.result.wasm)
  const failed = new Set<string>()
  calls.forEach(({ name, call }, index) => {
    const outcome = instantiate(module).evaluate(`probe/p${index}`, undefined, fuel)
    const value = outcome.ok ? (outcome.results[0] as { readonly result: unknown } | undefined)?.result : undefined
    if (outcome.ok && value !== undefined && isDeepStrictEqual(value, expected[`p${index}`])) return
    failed.add(name)
    if (!outcome.ok && outcome.fault === 'builtin' && outcome.detail.startsWith('the host has no')) return
    console.error(`left out: ${call}: ${outcome.ok ? JSON.stringify(value) : outcome.detail}, not ${JSON.stringify(expected[`p${index}`])}`)
  })
  return new Set(builtins.map(({ name }) => name).filter((name) => !failed.has(name)))
}

async function valueOf(opa: Opa, modules: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const evaluated = await opa.eval({ modules, query: 'data.probe' })
  if (!evaluated.ok) throw new Error('the samples do not run')
  return evaluated.result[0]?.expressions[0]?.value as Record<string, unknown>
}

export async function generateCapabilities(opa: Opa): Promise<string> {
  const all = (await opa.capabilities()) as unknown as Capabilities
  const candidates = all.builtins.filter((builtin) => !isOut(builtin))
  const kept = await runs(opa, candidates.filter(({ name }) => !compiledAway.has(name)))
  const builtins = candidates.filter(({ name }) => compiledAway.has(name) || kept.has(name))
  return `${JSON.stringify({ ...all, allow_net: [], builtins }, null, 1)}\n`
}

async function main(): Promise<void> {
  const opa = createOpa()
  try {
    const text = await generateCapabilities(opa)
    const known = process.argv.includes('--check') ? readFileSync(file, 'utf8') : text
    if (known !== text) throw new Error('src/policy/capabilities.json is not what the host runs; run scripts/capabilities.ts')
    writeFileSync(file, text)
    console.log(`${(JSON.parse(text) as Capabilities).builtins.length} builtins`)
  } finally {
    await opa.close()
  }
}

if (import.meta.main) await main()
