import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JsonObject, KnownActor, Question, Role } from '../model.ts'
import { deadlineFor, fuelFor, fuelHere, threadFrom } from './budget.ts'
import { decisionEntrypoint, rolesEntrypoint, varyingEntrypoint, type BuiltBundle } from './bundle.ts'
import { familiesIn, loadFamilies } from './builtins/index.ts'
import { instantiate, type EvalOutcome, type PolicyInstance } from './host.ts'
import { createPrinter } from './print.ts'
import { createRecollection, type Place } from './recollection.ts'
import { readRoles } from './roles.ts'
import { createThreads } from './threads.ts'
import { readVerdict, type Verdict } from './verdict.ts'

/** Above this an instance is not kept: memory never shrinks, and one large message should not cost it for ever. */
const maxKeptPages = 256
const keptInstances = 2
const warmUps = 20

export interface LoadOptions {
  readonly detectors: readonly string[]
  readonly threads?: number
  readonly deadline?: (bytes: number) => number
}
/** A bundle with everything it needs to judge; what was begun on it is finished on it. */
export interface LoadedBundle {
  readonly bundle: BuiltBundle
  /** At once where one like it was judged before. */
  judge(question: Question, seen: (bytes: number) => void): Verdict | Promise<Verdict>
  /** What the actor is in the admin API, at that time; rejects where the bundle cannot say. */
  roles(actor: KnownActor, now: string): Promise<readonly Role[]>
  /** Closes once the last judgement has ended. */
  retire(): Promise<void>
  close(): Promise<void>
}

/** Where a decision was looked for, and the one that was found. */
interface Looked {
  readonly place: Place
  readonly said: string
  readonly verdict: Verdict | undefined
}

/** How a binding of the one result begins in Rego's notation. */
const oneResult = '{{"result":'

/** Rejects when the module does not compile, or does not give exactly one sound verdict on a question of no importance. */
export async function loadBundle(bundle: BuiltBundle, options: LoadOptions): Promise<LoadedBundle> {
  const data = JSON.stringify(bundle.data)
  const detectors = new Set(options.detectors)
  const print = createPrinter(bundle.input_paths ?? [''])
  const recollection = bundle.recall === undefined ? undefined : createRecollection(bundle.recall)
  const threads = createThreads({ size: Math.max(1, options.threads ?? 2), wasm: bundle.wasm, data })
  const instances: PolicyInstance[] = []
  const verdicts = new WeakMap<readonly unknown[], Verdict>()
  let running = 0
  let retired = false

  const close = async (): Promise<void> => {
    retired = true
    instances.length = 0
    recollection?.clear()
    await threads.close()
  }
  const closeIfDone = async (): Promise<void> => {
    if (retired && running === 0) await close()
  }

  try {
    const module = await threads.start()
    await loadFamilies(familiesIn(bundle.wasm))
    const spare = (): PolicyInstance => instantiate(module, { data })
    // One in a turn of the loop: loading a megabyte of data takes some milliseconds each time.
    const refill = (): void => {
      if (instances.length >= keptInstances || retired) return
      try {
        instances.push(spare())
        setImmediate(refill)
      } catch {
        // The next judgement tries again, and is denied if it cannot be had then either.
      }
    }
    const withInstance = <T>(use: (instance: PolicyInstance) => T): T => {
      const instance = instances.pop() ?? spare()
      const outcome = use(instance)
      if (!instance.isSpent() && instance.pages() <= maxKeptPages) instances.push(instance)
      else setImmediate(refill)
      return outcome
    }
    const judgeAside = (entrypoint: string, input: string, bytes: number, long: boolean): Promise<EvalOutcome> =>
      threads.judge({ entrypoint, input, fuel: fuelFor(bytes) }, { deadline: (options.deadline ?? deadlineFor)(bytes), long })
    const judgeText = async (entrypoint: string, input: string, bytes: number): Promise<EvalOutcome> => {
      if (bytes > threadFrom) return judgeAside(entrypoint, input, bytes, false)
      const outcome = withInstance((instance) => instance.evaluate(entrypoint, input, fuelHere(bytes)))
      return !outcome.ok && outcome.fault === 'fuel' ? judgeAside(entrypoint, input, bytes, true) : outcome
    }
    // What is read depends on the answer alone where there are no entries; a decision is never changed.
    const readOnce = (results: readonly unknown[], entries: number): Verdict => {
      const before = entries === 0 ? verdicts.get(results) : undefined
      if (before !== undefined) return before
      const verdict = readVerdict(results, { bundle: bundle.digest, rules: bundle.rules, detectors, entries })
      if (entries === 0) verdicts.set(results, verdict)
      return verdict
    }
    const judgeWhole = async (question: Question, seen: (bytes: number) => void, looked?: Looked): Promise<Verdict> => {
      running += 1
      try {
        const input = print(question as unknown as JsonObject) // a question is plain JSON (model.ts)
        const bytes = Buffer.byteLength(input)
        seen(bytes)
        const outcome = await judgeText(decisionEntrypoint, input, bytes)
        if (!outcome.ok) return { ok: false, detail: `${outcome.fault}: ${outcome.detail}` }
        const verdict = readOnce(outcome.results, question.entries.length)
        if (verdict.ok && looked !== undefined) recollection?.keep(looked.place, looked.said, { verdict, fuel: outcome.fuel })
        return verdict
      } finally {
        running -= 1
        void closeIfDone()
      }
    }
    // Who a token speaks for is one object as long as it stays the same.
    const known = new WeakMap<KnownActor, readonly Role[]>()
    const lasts = bundle.role_paths?.every((pointer) => pointer !== '' && pointer !== '/now') === true
    const rolesOf = async (actor: KnownActor, now: string): Promise<readonly Role[]> => {
      const before = known.get(actor)
      if (before !== undefined) return before
      running += 1
      try {
        const input = JSON.stringify({ actor, now })
        const outcome = await judgeText(rolesEntrypoint, input, Buffer.byteLength(input))
        if (!outcome.ok) throw new Error(`${outcome.fault}: ${outcome.detail}`)
        const roles = readRoles(outcome.results)
        if (roles === undefined) throw new Error('an answer that is no set of roles')
        if (lasts) known.set(actor, roles)
        return roles
      } finally {
        running -= 1
        void closeIfDone()
      }
    }
    const look = (question: Question): Looked | undefined => {
      const place = recollection?.placeOf(question)
      if (recollection === undefined || place === undefined) return undefined
      const said = withInstance((instance) => instance.print(varyingEntrypoint, place.varying, fuelHere(0)))
      // Nothing at all is no word of theirs, and must not stand for what they read.
      if (!said.ok || !said.text.startsWith(oneResult)) {
        recollection.failed()
        return undefined
      }
      const before = recollection.find(place, said.text)
      // Whether the fuel suffices must not depend on what was judged before: the whole judgement takes no more than both together.
      const suffices = before !== undefined && before.fuel + said.fuel <= fuelHere(0)
      return { place, said: said.text, verdict: suffices ? before.verdict : undefined }
    }
    const judge = (question: Question, seen: (bytes: number) => void): Verdict | Promise<Verdict> => {
      const looked = look(question)
      if (looked?.verdict === undefined) return judgeWhole(question, seen, looked)
      seen(looked.place.settled.length + looked.place.varying.length)
      return looked.verdict
    }
    refill()
    for (let time = 0; time < warmUps; time += 1) {
      assertSound(await judgeWhole(trivialQuestion, () => {}))
      await nextTurn()
    }
    for (const question of bundle.samples ?? []) {
      await judgeWhole(question, () => {})
      await nextTurn()
    }
    return {
      bundle,
      judge,
      roles: rolesOf,
      retire() {
        retired = true
        return closeIfDone()
      },
      close,
    }
  } catch (cause) {
    await close()
    throw new Error(`${bundle.digest} is not activated: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** A bundle that cannot even judge this would deny everything; the one before it is better. */
function assertSound(verdict: Verdict): void {
  if (!verdict.ok) throw new Error(verdict.detail)
  const broken = verdict.decision.reasons.find(({ rule }) => rule === 'sallyport/policy_error')
  if (broken !== undefined) throw new Error(`it denies everything: ${broken.message ?? broken.code}`)
}

const trivialQuestion: Question = {
  actor: { kind: 'nobody', groups: [], groups_known: true },
  upstream: { name: 'none', labels: {} },
  session: { id: 'ses_none', started_at: '1970-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: { direction: 'to_server', kind: 'request', method: 'ping', revision: '2025-06-18', body: {} },
  entries: [],
  findings: [],
  now: '1970-01-01T00:00:00.000Z',
}
