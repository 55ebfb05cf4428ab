import { createHash } from 'node:crypto'
import type { BundleDigest, Json, JsonObject } from '../model.ts'
import { decisionEntrypoint, rolesEntrypoint, varyingEntrypoint } from '../policy/bundle.ts'
import type { BuiltBundle, RuleMetadata } from '../policy/bundle.ts'
import { askForBundle } from './culprit.ts'
import type { Modules, Opa, OpaBuild, OpaLogs, OpaSources, Review, RuleText, StageRun } from './opa.ts'
import type { Problem } from './problem.ts'
import { recallOf } from './recall.ts'
import { schemaOfEvent } from './report/event-schema.ts'
import { detectorProblems, textsOfRules } from './rules/apply-rules.ts'
import { buildData, isTest } from './source/sources.ts'
import type { Sources } from './source/sources.ts'

export type { BuiltBundle }

export interface BuildOptions {
  readonly opa: Opa
  /** The builtins that the host runs, as OPA writes capabilities. */
  readonly capabilities: unknown
  readonly detectors: readonly string[]
  /** The JSON schema of the input. */
  readonly schema?: unknown
}
export type Built = (
  | { readonly ok: true; readonly bundle: BuiltBundle }
  | { readonly ok: false; readonly problems: readonly Problem[] }
) & { readonly stages: readonly StageRun[]; readonly review?: Review }

/** What OPA is asked about a source, tests included. */
export const opaSources = (sources: Sources, options: Omit<BuildOptions, 'opa'>): OpaSources => ({
  modules: sources.modules,
  data: sources.data,
  schemas: { ...sources.schemas, ...(options.schema === undefined ? {} : { input: options.schema, question: options.schema, decision_log: schemaOfEvent(options.schema) }) },
  capabilities: options.capabilities,
  library: sources.library,
  detectors: options.detectors,
  strict: true,
})

export const withoutTests = (modules: Modules): Modules => Object.fromEntries(Object.entries(modules).filter(([path]) => !isTest(path)))

const isRaw = (value: object): boolean => JSON.isRawJSON(value)
const canonical = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null || isRaw(value)) return value
  const members = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, canonical(member)]))
}

/** Names everything that can change a decision: the policies, the library and the data, but no test. */
export const digestOf = ({ modules, data }: Pick<Sources, 'modules' | 'data'>): BundleDigest => {
  const sorted = Object.entries(withoutTests(modules)).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify([sorted, canonical(data)])
  return `bnd_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}

const textIn = (custom: JsonObject | undefined, name: string): string | undefined => {
  const value = custom?.[name]
  return typeof value === 'string' ? value : undefined
}
const metadataOf = ({ title, description, link, custom }: RuleText): RuleMetadata => {
  const all = { title, description, remedy: textIn(custom, 'remedy'), link: textIn(custom, 'link') ?? link, severity: textIn(custom, 'severity') }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}
/** Several rules may share an id; the first that says something speaks for all. */
const ruleTable = (rules: readonly RuleText[]): Record<string, RuleMetadata> => {
  const table: Record<string, RuleMetadata> = {}
  for (const rule of rules) {
    const metadata = metadataOf(rule)
    if (Object.keys(metadata).length > 0) table[rule.id] ??= metadata
  }
  return table
}

const readsGroups = (pointers: readonly string[]): boolean =>
  pointers.some((pointer) => ['', '/actor', '/actor/groups'].includes(pointer) || pointer.startsWith('/actor/groups/'))

const bundleOf = (sources: Sources, built: OpaBuild, logs: OpaLogs | undefined, detectors: readonly string[]): BuiltBundle => {
  const { sets, recall } = recallOf(built.reads)
  return {
    digest: digestOf(sources),
    revision: sources.revision,
    ...(sources.commit === undefined ? {} : { commit: sources.commit }),
    wasm: built.wasm,
    data: { ...sources.data, [buildData]: { reads_groups: built.reads.groups, roles_read_groups: readsGroups(built.reads.roles), detectors, varying: sets } },
    entrypoint: decisionEntrypoint,
    rules: { ...ruleTable(built.rules), ...textsOfRules(sources) },
    reads_groups: built.reads.groups,
    role_paths: built.reads.roles,
    ...(built.reads.input.includes('') ? {} : { input_paths: built.reads.input }),
    ...(recall === undefined ? {} : { recall }),
    ...(logs === undefined ? {} : { log_rules: logs }),
  }
}

/** Check, semantics, build: in this order, and nothing after the first that finds a problem. With `review`, what lint and format check look at is handed out too. */
export const buildBundle = async (sources: Sources, options: BuildOptions & { readonly review?: boolean }): Promise<Built> => {
  const unknown = detectorProblems(sources, options.detectors)
  if (unknown.length > 0) return { ok: false, problems: unknown, stages: [{ name: 'rules', ms: 0, ok: false }] }
  const asked = { ...opaSources(sources, options), entrypoints: [decisionEntrypoint, varyingEntrypoint, rolesEntrypoint], ...(options.review ? { review: true } : {}) }
  const built = await askForBundle(options.opa, asked)
  const { stages, review } = built
  const told = { stages, ...(review === undefined ? {} : { review }) }
  return built.ok ? { ok: true, bundle: bundleOf(sources, built.result, built.logs, options.detectors), ...told } : { ok: false, problems: built.problems, ...told }
}
