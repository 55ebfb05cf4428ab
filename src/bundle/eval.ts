import { messageOf } from '../errors.ts'
import type { Decision, KnownActor, Logger, Question, Role } from '../model.ts'
import type { BuiltBundle } from '../policy/bundle.ts'
import { createPolicyEngine, type PolicyEngine } from '../policy/engine.ts'
import { parseExactJson } from '../exact-json.ts'
import type { Problem } from './problem.ts'

type Answered<T> = (T & { readonly ok: true; readonly notes: readonly string[] }) | { readonly ok: false; readonly message: string }
export type Evaluated = Answered<{ readonly decision: Decision }>

const readQuestion = (text: string): Question | undefined => {
  try {
    const read = parseExactJson(text)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
    // What is written by hand may leave out the two lists that are mostly empty.
    return { entries: [], findings: [], ...read } as unknown as Question
  } catch {
    return undefined
  }
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Whether the engine would take the bundle: it loads, and gives a sound verdict on a question of no importance. */
export const rehearse = async (bundle: BuiltBundle, detectors: readonly string[]): Promise<readonly Problem[]> => {
  const engine = createPolicyEngine({ detectors, logger: silent, threads: 1 })
  try {
    await engine.activate(bundle)
    return []
  } catch (fault) {
    return [{ stage: 'activate', code: 'not_activated', message: messageOf(fault) }]
  } finally {
    await engine.close()
  }
}

/** What the gateway would make of a bundle: the same engine, the same bounds, the same reading of the answer. */
const ask = async <T>(bundle: BuiltBundle, detectors: readonly string[], use: (engine: PolicyEngine) => Promise<T>): Promise<Answered<T>> => {
  const notes: string[] = []
  const note = (message: string, fields?: Readonly<Record<string, unknown>>): number =>
    notes.push(typeof fields?.['detail'] === 'string' ? `${message}: ${fields['detail']}` : message)
  const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note }
  const engine = createPolicyEngine({ detectors, logger, threads: 1 })
  try {
    await engine.activate(bundle)
    return { ok: true, ...(await use(engine)), notes }
  } catch (fault) {
    return { ok: false, message: messageOf(fault) }
  } finally {
    await engine.close()
  }
}

/** The decision that the gateway would take. */
export const evaluate = async (bundle: BuiltBundle, text: string, detectors: readonly string[]): Promise<Evaluated> => {
  const question = readQuestion(text)
  if (!question) return { ok: false, message: 'the input is not a JSON object' }
  return ask(bundle, detectors, async (engine) => ({ decision: await engine.decide(question) }))
}

/** The roles that the gateway would give; of the input, `actor` and `now` are read. */
export const evaluateRoles = async (bundle: BuiltBundle, text: string, detectors: readonly string[]): Promise<Answered<{ readonly roles: readonly Role[] }>> => {
  const { actor, now } = readQuestion(text) ?? {}
  if (actor === undefined || actor.kind === 'nobody' || typeof now !== 'string') return { ok: false, message: 'the input is not a JSON object with the actor who asks and now' }
  return ask(bundle, detectors, async (engine) => ({ roles: await engine.roles(actor satisfies KnownActor, now) }))
}
