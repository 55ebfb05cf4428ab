import type { Decision, Question } from '../../model.ts'
import { aboutOf, differences, tell, type Aspect, type Clean, type Difference } from './decisions.ts'
import type { Judge } from './judge.ts'

/** A decision that was recorded, with what it depended on as far as that was kept. */
export interface Recorded {
  readonly session: string
  readonly seq: number
  readonly exchange: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly question: Question
  /** Places of the question that are not as they were judged. */
  readonly lost: readonly string[]
  readonly decision: Decision
}
export interface Example extends Difference {
  readonly session: string
  readonly seq: number
  readonly exchange: string
}
export interface Counted {
  readonly name: string
  readonly decisions: number
}
export interface Transition {
  readonly before: Decision['kind']
  readonly after: Decision['kind']
  readonly decisions: number
  /** Exchanges: a request and all that belongs to it. */
  readonly calls: number
}
export interface RuleChange {
  readonly rule: string
  /** Decisions that name it now, and did not. */
  readonly gained: number
  readonly lost: number
}
export interface ReplayReport {
  /** Decisions of policies in the records. */
  readonly decisions: number
  /** Those that could be judged again. */
  readonly judged: number
  /** Those of which a value that rules read was not kept. */
  readonly not_kept: number
  /** Those whose own bundle is not there. */
  readonly no_bundle: number
  /** 0 to 1. */
  readonly share: number
  readonly changed: number
  readonly calls_changed: number
  readonly transitions: readonly Transition[]
  readonly people: readonly Counted[]
  readonly tools: readonly Counted[]
  readonly rules: readonly RuleChange[]
  /** What was missed where something was not kept. */
  readonly missing: readonly Counted[]
  readonly examples: readonly Example[]
}

export interface ReplayOptions {
  readonly records: AsyncIterable<Recorded> | Iterable<Recorded>
  /** Who judges: one for all, or for each decision by what judged it; undefined where that is not to be had. */
  readonly candidate: (record: Recorded) => Promise<Judge | undefined>
  /** Judges both times in place of what was recorded. */
  readonly base?: Judge
  readonly clean: Clean
  readonly mostExamples: number
  readonly onProgress?: (record: Recorded) => void
}

/** Judges recorded decisions again and tells what is decided otherwise. */
export async function replayDecisions({ records, candidate, base, clean, mostExamples, onProgress }: ReplayOptions): Promise<ReplayReport> {
  const tally = createTally(mostExamples)
  for await (const record of records) {
    onProgress?.(record)
    const judge = await candidate(record)
    if (judge === undefined) {
      tally.noBundle()
      continue
    }
    const missed = [...new Set([...judge.misses(record.lost), ...(base?.misses(record.lost) ?? [])])]
    if (missed.length > 0) {
      tally.notKept(missed)
      continue
    }
    const before = base === undefined ? record.decision : await base.decide(record.question)
    const after = await judge.decide(record.question)
    tally.judged(record, before, after, differences(before, after, clean))
  }
  return tally.report()
}

function createTally(mostExamples: number) {
  const counts = { decisions: 0, judged: 0, not_kept: 0, no_bundle: 0, changed: 0 }
  const calls = new Set<string>()
  const transitions = new Map<string, { decisions: number; readonly calls: Set<string> }>()
  const people = new Map<string, number>()
  const tools = new Map<string, number>()
  const missing = new Map<string, number>()
  const rules = new Map<string, { gained: number; lost: number }>()
  const examples = new Map<string, Example[]>()
  const add = (to: Map<string, number>, name: string) => to.set(name, (to.get(name) ?? 0) + 1)

  const change = ({ question, session, seq, exchange, at }: Recorded, before: Decision, after: Decision, aspects: readonly Aspect[]) => {
    counts.changed += 1
    calls.add(exchange)
    const key = `${before.kind} ${after.kind}`
    const transition = transitions.get(key) ?? { decisions: 0, calls: new Set() }
    transitions.set(key, transition)
    transition.decisions += 1
    transition.calls.add(exchange)
    const about = aboutOf(question)
    add(people, about.actor)
    add(tools, `${about.upstream} ${about.call ?? about.method}`)
    const [were, are] = [tell(before), tell(after)]
    const ruleOf = (rule: string) => rules.get(rule) ?? rules.set(rule, { gained: 0, lost: 0 }).get(rule)! // just set
    for (const rule of are.rules) if (!were.rules.includes(rule)) ruleOf(rule).gained += 1
    for (const rule of were.rules) if (!are.rules.includes(rule)) ruleOf(rule).lost += 1
    // A few of each kind say more than many of one.
    const alike = examples.get(key) ?? []
    examples.set(key, alike)
    if (alike.length < mostExamples) alike.push({ session, seq, exchange, at: new Date(at).toISOString(), ...about, in: aspects, before: were, after: are })
  }

  return {
    noBundle() {
      counts.decisions += 1
      counts.no_bundle += 1
    },
    notKept(places: readonly string[]) {
      counts.decisions += 1
      counts.not_kept += 1
      for (const place of places) add(missing, place)
    },
    judged(record: Recorded, before: Decision, after: Decision, aspects: readonly Aspect[]) {
      counts.decisions += 1
      counts.judged += 1
      if (aspects.length > 0) change(record, before, after, aspects)
    },
    report(): ReplayReport {
      const byCount = (map: Map<string, number>): readonly Counted[] => [...map].map(([name, decisions]) => ({ name, decisions })).sort((a, b) => b.decisions - a.decisions || (a.name < b.name ? -1 : 1))
      return {
        ...counts,
        share: counts.decisions === 0 ? 1 : counts.judged / counts.decisions,
        calls_changed: calls.size,
        transitions: [...transitions].map(([key, { decisions, calls: of }]): Transition => {
          const [before, after] = key.split(' ') as [Decision['kind'], Decision['kind']]
          return { before, after, decisions, calls: of.size }
        }).sort((a, b) => b.decisions - a.decisions),
        people: byCount(people),
        tools: byCount(tools),
        rules: [...rules].map(([rule, changes]) => ({ rule, ...changes })).sort((a, b) => b.gained + b.lost - a.gained - a.lost || (a.rule < b.rule ? -1 : 1)),
        missing: byCount(missing),
        examples: [...examples.values()].flatMap((alike) => alike.slice(0, Math.max(1, Math.floor(mostExamples / examples.size)))),
      }
    },
  }
}
