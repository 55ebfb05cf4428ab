import { setImmediate as nextTurn } from 'node:timers/promises'
import { messageOf } from '../errors.ts'
import { callerOf, type Actor, type JsonObject, type KnownActor, type Question, type Role } from '../model.ts'
import { startAsking, type Asking, type AskingOptions } from './asking.ts'
import { fuelHere } from './budget.ts'
import { decisionEntrypoint, rolesEntrypoint, varyingEntrypoint, type BuiltBundle } from './bundle.ts'
import { createPrinter } from './print.ts'
import { createRecollection, type Place, type Recollection } from './recollection.ts'
import { readRoles } from './roles.ts'
import { readVerdict, type Verdict } from './verdict.ts'

const warmUps = 20

export interface LoadOptions extends AskingOptions {
  readonly detectors: readonly string[]
}
/** A bundle with everything it needs to judge; what was begun on it is finished on it. */
export interface LoadedBundle {
  readonly bundle: BuiltBundle
  /** At once where one like it was judged before. */
  judge(question: Question, seen: Seen): Verdict | Promise<Verdict>
  /** What the actor is in the admin API, at that time; rejects where the bundle cannot say. */
  roles(actor: KnownActor, now: string): Promise<readonly Role[]>
  /** Closes once the last judgement has ended. */
  retire(): Promise<void>
  close(): Promise<void>
}
/** Told how much was put to the policy. */
type Seen = (bytes: number) => void

/** Where a decision was looked for, and the one that was found. */
interface Looked {
  readonly place: Place
  readonly said: string
  readonly verdict: Verdict | undefined
}
/** Already what the varying sets say takes more than is spent here. */
const tooLong = Symbol('too long')

/** How a binding of the one result begins in Rego's notation. */
const oneResult = '{{"result":'

/** Rejects when the module does not compile, or does not give exactly one sound verdict on a question of no importance. */
export async function loadBundle(bundle: BuiltBundle, options: LoadOptions): Promise<LoadedBundle> {
  try {
    const asking = await startAsking(bundle, options)
    return await loadOn(asking, bundle, options).catch(async (cause: unknown) => {
      await asking.close()
      throw cause
    })
  } catch (cause) {
    throw new Error(`${bundle.digest} is not activated: ${messageOf(cause)}`, { cause })
  }
}

async function loadOn(asking: Asking, bundle: BuiltBundle, options: LoadOptions): Promise<LoadedBundle> {
  const recollection = bundle.recall === undefined ? undefined : createRecollection(bundle.recall)
  const life = createLife(async () => {
    recollection?.clear()
    await asking.close()
  })
  const judgeWhole = createJudging(bundle, options, asking, recollection)
  const rolesOf = createRolesOf(bundle, asking)
  const judge = (question: Question, seen: Seen): Verdict | Promise<Verdict> => {
    const looked = recollection === undefined ? undefined : look(question, recollection, asking)
    if (looked === tooLong || looked?.verdict === undefined) return life.during(judgeWhole(question, seen, looked))
    seen(looked.place.settled.text.length + looked.place.varying.length)
    return looked.verdict
  }
  asking.refill()
  await warmUp(bundle, judgeWhole)
  return { bundle, judge, roles: (actor, now) => life.during(rolesOf(actor, now)), retire: life.retire, close: life.close }
}

/** What runs is waited for. */
function createLife(end: () => Promise<void>): { during<T>(work: Promise<T>): Promise<T>; retire(): Promise<void>; close(): Promise<void> } {
  let running = 0
  let retired = false
  const close = async (): Promise<void> => {
    retired = true
    await end()
  }
  const closeIfDone = async (): Promise<void> => {
    if (retired && running === 0) await close()
  }
  return {
    close,
    async during(work) {
      running += 1
      try {
        return await work
      } finally {
        running -= 1
        void closeIfDone()
      }
    },
    retire() {
      retired = true
      return closeIfDone()
    },
  }
}

type Judging = (question: Question, seen: Seen, looked?: Looked | typeof tooLong) => Promise<Verdict>

function createJudging(bundle: BuiltBundle, { detectors: names }: LoadOptions, asking: Asking, recollection: Recollection | undefined): Judging {
  const print = createPrinter(bundle.input_paths ?? [''])
  const detectors = new Set(names)
  const verdicts = new WeakMap<readonly unknown[], Verdict>()
  // What is read depends on the answer alone where there are no entries; a decision is never changed.
  const readOnce = (results: readonly unknown[], entries: number): Verdict => {
    const before = entries === 0 ? verdicts.get(results) : undefined
    if (before !== undefined) return before
    const verdict = readVerdict(results, { bundle: bundle.digest, rules: bundle.rules, detectors, entries })
    if (entries === 0) verdicts.set(results, verdict)
    return verdict
  }
  return async (question, seen, looked) => {
    const input = print(question as unknown as JsonObject) // a question is plain JSON (model.ts)
    const bytes = Buffer.byteLength(input)
    seen(bytes)
    const outcome = await asking.ask(decisionEntrypoint, input, bytes, { caller: whoseIs(question.actor), long: looked === tooLong })
    if (!outcome.ok) return { ok: false, detail: `${outcome.fault}: ${outcome.detail}` }
    const verdict = readOnce(outcome.results, question.entries.length)
    if (verdict.ok && looked !== undefined && looked !== tooLong) recollection?.keep(looked.place, looked.said, { verdict, fuel: outcome.fuel })
    return verdict
  }
}

/** What was written by hand to be tried may say of it what it likes. */
function whoseIs(actor: Actor): string {
  try {
    return actor.kind === 'nobody' ? actor.kind : callerOf(actor)
  } catch {
    return ''
  }
}

/** Undefined where it is not worth looking, or nothing can be told. */
function look(question: Question, recollection: Recollection, asking: Asking): Looked | typeof tooLong | undefined {
  const place = recollection.placeOf(question)
  if (place === undefined) return undefined
  const said = asking.here(place.varying.length, (instance, fuel) => instance.print(varyingEntrypoint, place.varying, fuel))
  // One that runs away says nothing of the others, which go on being looked for.
  if (!said.ok && said.fault === 'fuel') return tooLong
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

function createRolesOf(bundle: BuiltBundle, asking: Asking): LoadedBundle['roles'] {
  // Who a token speaks for is one object as long as it stays the same.
  const known = new WeakMap<KnownActor, readonly Role[]>()
  const lasts = bundle.role_paths?.every((pointer) => pointer !== '' && pointer !== '/now') === true
  return async (actor, now) => {
    const before = known.get(actor)
    if (before !== undefined) return before
    const input = JSON.stringify({ actor, now })
    const outcome = await asking.ask(rolesEntrypoint, input, Buffer.byteLength(input), { caller: callerOf(actor) })
    if (!outcome.ok) throw new Error(`${outcome.fault}: ${outcome.detail}`)
    const roles = readRoles(outcome.results)
    if (roles === undefined) throw new Error('an answer that is no set of roles')
    if (lasts) known.set(actor, roles)
    return roles
  }
}

async function warmUp(bundle: BuiltBundle, judge: Judging): Promise<void> {
  for (let time = 0; time < warmUps; time += 1) {
    assertSound(await judge(trivialQuestion, () => {}))
    await nextTurn()
  }
  for (const question of bundle.samples ?? []) {
    await judge(question, () => {})
    await nextTurn()
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
