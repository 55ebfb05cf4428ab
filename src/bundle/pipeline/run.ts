import { messageOf } from '../../errors.ts'
import type { StageRun } from '../opa.ts'
import { problemText } from '../problem.ts'
import type { Problem, Stage } from '../problem.ts'

/** One way through the pipeline, as far as it got. */
export interface Run {
  /** RFC 3339. */
  readonly at: string
  readonly stages: readonly StageRun[]
  /** Why the newest sources are not active, for people. */
  readonly error?: string
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** A run that is under way. */
export interface Progress {
  /** Times a stage; what it throws is thrown on, and the stage has failed. */
  stage<T>(name: Stage, work: () => Promise<T>, isFine?: (result: T) => boolean): Promise<T>
  /** What is thrown from here on is a fault of this stage. */
  at(name: Stage): void
  /** Stages that somebody else timed. */
  add(stages: readonly StageRun[]): void
  warn(warnings: readonly Problem[]): void
  end(problems: readonly Problem[]): Run
  /** Ends with what was thrown in the stage that was last begun. */
  fail(fault: unknown): Run
}

/** A status is kept, logged, sent and shown: a source with a million mistakes is told by some of them. */
const most = 100
const longest = 2_000
const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text)
const short = (one: Problem): Problem => ({ ...one, message: cut(one.message), ...(one.remedy === undefined ? {} : { remedy: cut(one.remedy) }), ...(one.file === undefined ? {} : { file: cut(one.file) }) })
const moreOf = (stage: Stage, count: number): Problem => ({ stage, code: 'more', message: `and ${count} more`, remedy: '`sallyport policy check` and `sallyport policy lint` tell all' })
const bounded = (all: readonly Problem[]): readonly Problem[] => [...all.slice(0, most).map(short), ...(all.length > most ? [moreOf(all.at(-1)?.stage ?? 'read', all.length - most)] : [])]

export const beginRun = (at: number): Progress => {
  const stages: StageRun[] = []
  /** Of a run that has ended, too: what could be come back to is told after that. */
  const warnings: Problem[] = []
  let told = 0
  let current: Stage = 'read'
  const end = (all: readonly Problem[]): Run => {
    const problems = bounded(all)
    return {
      at: new Date(at).toISOString(),
      stages, problems, warnings,
      ...(problems.length > 0 ? { error: problems.map(problemText).join('\n') } : {}),
    }
  }
  return {
    async stage(name, work, isFine = () => true) {
      current = name
      const began = performance.now()
      const done = (ok: boolean): number => stages.push({ name, ms: Math.round(performance.now() - began), ok })
      try {
        const result = await work()
        done(isFine(result))
        return result
      } catch (fault) {
        done(false)
        throw fault
      }
    },
    at: (name) => void (current = name),
    add: (more) => void stages.push(...more),
    warn: (more) => {
      for (const one of more) {
        told += 1
        if (told <= most) warnings.push(short(one))
        else warnings[most] = moreOf(one.stage, told - most)
      }
    },
    end,
    fail: (fault) => end([{ stage: current, code: 'fault', message: messageOf(fault) }]),
  }
}

const ofKept: ReadonlySet<string> = new Set(['not_kept', 'not_activated'])
/** Why nothing at all is active after a run: neither what the source says, nor what was active before. */
export const whyNothing = ({ problems, warnings }: Run): string =>
  [...problems, ...warnings.filter(({ code }) => ofKept.has(code))].map(problemText).join('\n') || 'no bundle was built'
