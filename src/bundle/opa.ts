import { fork, type ChildProcess } from 'node:child_process'
import { bareEnvironment } from '../bare-environment.ts'
import type { Json, JsonObject } from '../model.ts'
import type { HostTest } from './host-tests.ts'
import { createLanes } from './opa-calls.ts'
import type { Finding } from './lint/lint.ts'
import type { Problem, Stage } from './problem.ts'
import { remedyOf } from './remedies.ts'

export type Modules = Readonly<Record<string, string>>
export interface OpaSources {
  /** Path to text; a path ending in `_test.rego` is a test. */
  readonly modules: Modules
  readonly data?: JsonObject
  readonly capabilities?: unknown
  /** By name; `input` is the schema of every module's input. */
  readonly schemas?: Readonly<Record<string, unknown>>
  readonly strict?: boolean
  /** The modules among them that are the gateway's own library. */
  readonly library?: readonly string[]
  readonly detectors?: readonly string[]
}
export type OpaAnswer<T> = { readonly ok: true; readonly result: T } | { readonly ok: false; readonly problems: readonly Problem[] }

export interface RuleText {
  readonly id: string
  readonly file: string
  readonly row: number
  readonly title?: string
  readonly description?: string
  readonly link?: string
  readonly custom?: JsonObject
}
/** Pointers into the input; `*` is every element or member, '' the whole. */
export interface OpaReads {
  readonly groups: boolean
  readonly input: readonly string[]
  /** By `<set>/<name>`: what each verdict set depends on. */
  readonly sets: Readonly<Record<string, readonly string[]>>
  /** What the rules that give roles look at. */
  readonly roles: readonly string[]
  /** What the decision depends on besides the sets. */
  readonly settled: readonly string[]
}
export interface OpaBuild {
  readonly wasm: Uint8Array
  readonly manifest: JsonObject
  readonly rules: readonly RuleText[]
  readonly reads: OpaReads
}
/** The rules of `package system.log`, in a module of their own. */
export interface OpaLogs {
  readonly wasm: Uint8Array
  readonly entrypoints: readonly string[]
}
export interface StageRun {
  readonly name: Stage
  readonly ms: number
  readonly ok: boolean
}
/** The syntax trees of a source's own modules by path, names resolved, with the places of rules, conditions and comments. */
export type Syntax = Readonly<Record<string, JsonObject>>
export interface Review {
  readonly findings: readonly Finding[]
  /** Modules that `opa fmt` would write otherwise. */
  readonly unformatted: readonly string[]
}
export type OpaBundle = OpaAnswer<OpaBuild> & {
  readonly stages: readonly StageRun[]
  readonly logs?: OpaLogs
  /** Where it was asked for and the source got past its semantics. */
  readonly review?: Review
}
export interface OpaTest {
  readonly file: string
  readonly row: number
  /** The path below `data`, by slashes. */
  readonly package: string
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'error' | 'skip'
  readonly micros: number
  readonly error?: string
  readonly output?: string
  readonly failed_at?: { readonly file?: string; readonly row?: number; readonly message: string }
  readonly cases?: Readonly<Record<string, boolean>>
}
export interface FileCoverage {
  readonly coverage?: number
  readonly covered_lines?: number
  readonly not_covered_lines?: number
  readonly not_covered?: readonly { readonly start: { readonly row: number }; readonly end: { readonly row: number } }[]
}
export interface OpaTestReport {
  readonly tests: readonly OpaTest[]
  /** Each test that was run as an entrypoint; none where there are several of one name. */
  readonly wasm?: Uint8Array
  readonly coverage?: { readonly coverage: number; readonly files: Readonly<Record<string, FileCoverage>> }
}
export interface SmallPolicy {
  readonly query: string
  readonly modules: readonly string[]
  readonly data?: unknown
}
export type SmallBuild = { readonly ok: true; readonly wasm: Uint8Array } | { readonly ok: false; readonly error: string }
export type ResultSet = readonly { readonly expressions: readonly { readonly value: Json; readonly text: string }[] }[]

/** What one rule made of an input, over all the times it was asked. */
export interface TraceStep {
  readonly file: string
  readonly row: number
  readonly rules: readonly string[]
  readonly asked: number
  /** What it said, each once. */
  readonly answers: readonly Json[]
  /** Rows of the conditions that did not hold when it said nothing. */
  readonly stopped: readonly number[]
}
export interface OpaTrace {
  /** What OPA's own evaluator answers. */
  readonly result: Json
  readonly steps: readonly TraceStep[]
  readonly lines: Readonly<Record<string, readonly number[]>>
}
export interface OutlinedRule extends RuleText {
  /** Printed alike however it was written. */
  readonly text: string
}

/** OPA's own library, in a process of its own. Nothing that a source contains makes a method throw; a fault of the library does. */
export interface Opa {
  /** What `opa check` says, and which builtins the host would lack. Empty when all is well. */
  check(sources: OpaSources): Promise<readonly Problem[]>
  /** What compiles but would not mean what it seems to mean. */
  semantics(sources: OpaSources): Promise<readonly Problem[]>
  /** Compiles everything it is given, tests too. */
  build(sources: OpaSources & { readonly entrypoints: readonly string[] }): Promise<OpaAnswer<OpaBuild>>
  /** Check, semantics, build: nothing after the first that finds a problem. Tests are checked and left out of what is built. */
  bundle(sources: OpaSources & { readonly entrypoints: readonly string[]; readonly review?: boolean; readonly within?: number }): Promise<OpaBundle>
  /** What lint looks at, of a source that builds. */
  syntax(sources: OpaSources): Promise<OpaAnswer<Syntax>>
  /** `filter` is a regular expression on the full name of a test. Coverage takes twice the time again. With `watch`, a fault tells at which test it came; there is no coverage then. */
  test(sources: OpaSources & { readonly filter?: string; readonly coverage?: boolean; readonly watch?: boolean; readonly within?: number }): Promise<OpaAnswer<OpaTestReport>>
  /** The same tests in the host that judges, in their order; a fault tells at which test it came. */
  testInHost(wasm: Uint8Array, data: JsonObject, tests: readonly OpaTest[]): Promise<readonly HostTest[]>
  fmt(modules: Modules): Promise<OpaAnswer<Modules>>
  /** An absent input is undefined to the query. */
  eval(sources: OpaSources & { readonly query: string; readonly input?: Json }): Promise<OpaAnswer<ResultSet>>
  /** How the decision on an input comes about: what each rule of the policies says, and which lines take part. */
  trace(sources: OpaSources & { readonly query: string; readonly input: Json }): Promise<OpaAnswer<OpaTrace>>
  /** The rules of the policies among these modules, helpers and defaults included, by id. */
  outline(modules: Modules): Promise<OpaAnswer<readonly OutlinedRule[]>>
  parse(modules: Modules): Promise<OpaAnswer<Readonly<Record<string, JsonObject>>>>
  capabilities(): Promise<JsonObject>
  /** Each policy by itself, with one entrypoint, `eval`, that gives the bindings of its query. */
  cases(cases: readonly SmallPolicy[], capabilities?: unknown): Promise<readonly SmallBuild[]>
  close(): Promise<void>
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'))

interface Raw {
  readonly result?: unknown
  readonly problems?: readonly Omit<Problem, 'stage'>[]
}

export interface OpaOptions {
  /** Milliseconds for one call, after which its process is ended. */
  readonly timeout?: number
  /** Milliseconds without a call after which the process, and with it some 300 MB, is let go. */
  readonly idle?: number
  /** At most so many calls at once, each in a process of its own; 1 by default. */
  readonly processes?: number
  /** Bytes that the library may take for one call: a source that wants more must not have the machine end something else. */
  readonly memory?: number
}

/**
 * V8's slow compiler takes longer than a few calls of so large a library gain by it: only what runs very long gets it. The first build in a process takes half the
 * processor time so, and two thirds of the memory; sixteen together take what they took.
 */
const rarelyOptimised = '--wasm-tiering-budget=2000000000'

/** A process with OPA's library, which may take so many bytes. */
export const startWorker = (memory: number): ChildProcess =>
  fork(new URL('./opa-worker.ts', import.meta.url), {
    env: bareEnvironment(),
    execArgv: ['--disable-warning=ExperimentalWarning', `--wasm-max-mem-pages=${memory / 65_536}`, rarelyOptimised],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })

export const createOpa = ({ timeout = 60_000, idle = 60_000, processes = 1, memory = 1.5 * 1024 ** 3 }: OpaOptions = {}): Opa => {
  const calls = createLanes(processes, {
    timeout,
    idle,
    start: () => startWorker(memory),
  })
  const ask = async (command: string, fields: object, within?: number): Promise<Raw> => JSON.parse(await calls.ask(JSON.stringify({ command, ...fields }), within)) as Raw
  const request = ({ library, detectors, ...sources }: OpaSources): object => ({
    ...sources,
    semantics: { library: library ?? [], detectors: detectors ?? [] },
  })
  const staged = (stage: Stage, raw: Raw): readonly Problem[] => (raw.problems ?? []).map((problem) => {
    const remedy = problem.remedy ?? remedyOf(problem.code, problem.message)
    return { stage, ...problem, ...(remedy === undefined ? {} : { remedy }) }
  })
  const answer = <T>(stage: Stage, raw: Raw, read: (result: unknown) => T): OpaAnswer<T> => {
    const problems = staged(stage, raw)
    return problems.length > 0 ? { ok: false, problems } : { ok: true, result: read(raw.result) }
  }

  const readBuild = (result: unknown): OpaBuild => {
    const built = result as Omit<OpaBuild, 'wasm'> & { wasm: string }
    return { ...built, wasm: bytesOf(built.wasm) }
  }

  const readReport = (result: unknown): OpaTestReport => {
    const { wasm, ...report } = result as Omit<OpaTestReport, 'wasm'> & { wasm?: string }
    return { ...report, ...(wasm === undefined ? {} : { wasm: bytesOf(wasm) }) }
  }

  return {
    check: async (sources) => staged('check', await ask('check', request(sources))),
    semantics: async (sources) => staged('semantics', await ask('semantics', request(sources))),
    build: async ({ entrypoints, ...sources }) =>
      answer('build', await ask('build', { ...request(sources), entrypoints }), readBuild),
    bundle: async ({ entrypoints, review: wantsReview = false, within, ...sources }) => {
      const raw = await ask('bundle', { ...request(sources), entrypoints, review: wantsReview }, within)
      const { stages, build, logs, findings, unformatted } = raw.result as { stages: readonly StageRun[]; build?: unknown; logs?: { wasm: string; entrypoints: readonly string[] }; findings?: readonly Finding[]; unformatted?: readonly string[] }
      const review = findings === undefined ? {} : { review: { findings, unformatted: unformatted ?? [] } }
      return { ...answer(stages.at(-1)?.name ?? 'check', { ...raw, result: build }, readBuild), stages, ...(logs === undefined ? {} : { logs: { ...logs, wasm: bytesOf(logs.wasm) } }), ...review }
    },
    syntax: async (sources) => {
      const raw = await ask('bundle', { ...request(sources), entrypoints: ['sallyport/decision'], review: true, wants_syntax: true })
      return answer('semantics', raw, (result) => (result as { syntax?: Syntax }).syntax ?? {})
    },
    test: async ({ filter, watch = false, coverage = !watch, within, ...sources }) =>
      answer('test', await ask('test', { ...request(sources), coverage: coverage && !watch, watch, ...(filter ? { filter } : {}) }, within), readReport),
    testInHost: async (wasm, data, tests) =>
      (await ask('host_tests', { wasm: Buffer.from(wasm).toString('base64'), data: JSON.stringify(data), tests: tests.map(({ output: _, ...test }) => test) })).result as readonly HostTest[],
    fmt: async (modules) => answer('check', await ask('fmt', { modules }), (result) => result as Modules),
    eval: async ({ query, input, ...sources }) =>
      answer('check', await ask('eval', { ...request(sources), query, ...(input === undefined ? {} : { input, has_input: true }) }), (result) => result as ResultSet),
    trace: async ({ query, input, ...sources }) =>
      answer('check', await ask('trace', { ...request(sources), query, input, has_input: true }), (result) => result as OpaTrace),
    outline: async (modules) => answer('check', await ask('outline', { modules }), (result) => result as readonly OutlinedRule[]),
    parse: async (modules) => answer('check', await ask('ast', { modules }), (result) => result as Record<string, JsonObject>),
    capabilities: async () => (await ask('capabilities', {})).result as JsonObject,
    cases: async (cases, capabilities) =>
      ((await ask('cases', { cases, capabilities })).result as readonly { wasm?: string; error?: string }[]).map(({ wasm, error }) =>
        wasm === undefined ? { ok: false, error: error ?? '' } : { ok: true, wasm: bytesOf(wasm) },
      ),
    close: calls.close,
  }
}
