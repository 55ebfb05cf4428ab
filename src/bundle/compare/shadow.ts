import type { Clock, Decision, JsonObject, Question } from '../../model.ts'
import { deadlineFor, fuelFor, threadFrom } from '../../policy/budget.ts'
import { decisionEntrypoint, type BuiltBundle } from '../../policy/bundle.ts'
import { createPrinter } from '../../policy/print.ts'
import { createThreads, type Threads } from '../../policy/threads.ts'
import { readVerdict } from '../../policy/verdict.ts'
import { aboutOf, differences, tell, type Aspect, type Clean, type Difference } from './decisions.ts'

/** `dropped`: the thread was behind, or the input too large; `failed`: the second bundle gave no sound verdict. */
export type ShadowResult = 'same' | 'different' | 'dropped' | 'failed'
export interface ShadowCount {
  readonly before: Decision['kind']
  readonly after: Decision['kind']
  readonly decisions: number
}
/** What a second bundle would have decided, since it became the second. */
export interface ShadowReport {
  readonly bundle: { readonly digest: string; readonly revision: string; readonly commit?: string; readonly activated_at: string } | null
  readonly same: number
  readonly different: number
  readonly dropped: number
  readonly failed: number
  /** Where the decisions differ. */
  readonly transitions: readonly ShadowCount[]
  /** Newest first; without anything of the messages but their names. */
  readonly examples: readonly Difference[]
}
export interface ShadowStatus extends ShadowReport {
  /** Why the newest sources are not the second bundle. */
  readonly error: string | null
}
export interface ShadowOptions {
  readonly detectors: readonly string[]
  /** Replaces what detectors find in a text. */
  readonly clean: Clean
  readonly clock: Clock
  readonly count: (result: ShadowResult) => void
}
/** Judges what was decided once more, on a thread of its own, and keeps what would be decided otherwise. Nobody waits for it. */
export interface Shadow {
  /** Rejects, and leaves the second bundle as it is, where the new one cannot be loaded. */
  activate(bundle: BuiltBundle): Promise<void>
  see(question: Question, decision: Decision): void
  report(): ShadowReport
  close(): Promise<void>
}

const mostWaiting = 64
const mostExamples = 20

interface Active {
  readonly bundle: BuiltBundle
  readonly threads: Threads
  readonly print: (input: JsonObject) => string
  readonly counts: { same: number; different: number; dropped: number; failed: number }
  readonly transitions: Map<string, number>
  readonly examples: Difference[]
  readonly activatedAt: string
}

export function createShadow({ detectors, clean, clock, count }: ShadowOptions): Shadow {
  const known = new Set(detectors)
  let active: Active | undefined
  let waiting = 0
  let closed = false

  const add = (to: Active, result: ShadowResult): void => {
    to.counts[result] += 1
    count(result)
  }
  const differ = (to: Active, question: Question, before: Decision, after: Decision, aspects: readonly Aspect[]): void => {
    const key = `${before.kind} ${after.kind}`
    to.transitions.set(key, (to.transitions.get(key) ?? 0) + 1)
    const about = aboutOf(question)
    to.examples.unshift({
      at: new Date(clock()).toISOString(),
      ...about, method: clean(about.method), call: about.call === null ? null : clean(about.call),
      in: aspects, before: tell(before), after: tell(after),
    })
    to.examples.length = Math.min(to.examples.length, mostExamples)
  }
  const judge = async (by: Active, question: Question, decision: Decision): Promise<void> => {
    const input = by.print(question as unknown as JsonObject) // a question is plain JSON (model.ts)
    const bytes = Buffer.byteLength(input)
    if (bytes > threadFrom) return add(by, 'dropped')
    const outcome = await by.threads.judge({ entrypoint: decisionEntrypoint, input, fuel: fuelFor(bytes) }, { deadline: deadlineFor(bytes), long: false, caller: '' })
    if (by !== active) return
    const verdict = outcome.ok ? readVerdict(outcome.results, { bundle: by.bundle.digest, rules: by.bundle.rules, detectors: known, entries: question.entries.length }) : outcome
    if (!verdict.ok) return add(by, 'failed')
    const aspects = differences(decision, verdict.decision, clean)
    add(by, aspects.length === 0 ? 'same' : 'different')
    if (aspects.length > 0) differ(by, question, decision, verdict.decision, aspects)
  }

  return {
    async activate(bundle) {
      if (active?.bundle.digest === bundle.digest) return
      const threads = createThreads({ size: 1, wasm: bundle.wasm, data: JSON.stringify(bundle.data) })
      await threads.start().catch(async (cause: unknown) => {
        await threads.close()
        throw cause
      })
      if (closed) return threads.close()
      const before = active
      active = {
        bundle, threads, print: createPrinter(bundle.input_paths ?? ['']), activatedAt: new Date(clock()).toISOString(),
        counts: { same: 0, different: 0, dropped: 0, failed: 0 }, transitions: new Map(), examples: [],
      }
      await before?.threads.close()
    },
    see(question, decision) {
      const by = active
      if (by === undefined || !isOfPolicy(decision)) return
      if (waiting >= mostWaiting) return add(by, 'dropped')
      waiting += 1
      // After whatever the decision lets happen now.
      setImmediate(() => {
        void judge(by, question, decision).catch(() => add(by, 'failed')).finally(() => (waiting -= 1))
      })
    },
    report: () => reportOf(active),
    async close() {
      closed = true
      const by = active
      active = undefined
      await by?.threads.close()
    },
  }
}

/** Without a bundle, or with one that is too old, nobody was asked. */
const isOfPolicy = ({ bundle, reasons }: Decision): boolean => bundle !== 'none' && reasons.every(({ rule }) => rule !== 'sallyport/policy_stale')

function reportOf(active: Active | undefined): ShadowReport {
  if (active === undefined) return { bundle: null, same: 0, different: 0, dropped: 0, failed: 0, transitions: [], examples: [] }
  const { digest, revision, commit } = active.bundle
  return {
    bundle: { digest, revision, ...(commit === undefined ? {} : { commit }), activated_at: active.activatedAt },
    ...active.counts,
    transitions: [...active.transitions].map(([key, decisions]) => {
      const [before, after] = key.split(' ') as [Decision['kind'], Decision['kind']]
      return { before, after, decisions }
    }),
    examples: [...active.examples],
  }
}

/** What several processes saw, as one: of those that have the newest bundle. */
export function joinReports(reports: readonly ShadowReport[]): ShadowReport {
  const newest = reports.map(({ bundle }) => bundle).filter((bundle) => bundle !== null).sort((a, b) => (a.activated_at < b.activated_at ? 1 : -1))[0]
  const alike = reports.filter(({ bundle }) => bundle?.digest === newest?.digest)
  const sum = (of: (report: ShadowReport) => number): number => alike.reduce((total, report) => total + of(report), 0)
  const transitions = new Map<string, ShadowCount>()
  for (const one of alike.flatMap((report) => report.transitions)) {
    const key = `${one.before} ${one.after}`
    transitions.set(key, { ...one, decisions: one.decisions + (transitions.get(key)?.decisions ?? 0) })
  }
  return {
    bundle: newest ?? null,
    same: sum(({ same }) => same), different: sum(({ different }) => different), dropped: sum(({ dropped }) => dropped), failed: sum(({ failed }) => failed),
    transitions: [...transitions.values()].sort((a, b) => b.decisions - a.decisions),
    examples: alike.flatMap(({ examples }) => examples).sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, mostExamples),
  }
}
