import type {
  Actor, ApprovalId, Call, Clock, Decision, ExchangeId, GrantedApproval, Ids, JsonObject, KnownActor, Logger, MetRequirement, SessionId,
} from '../model.ts'
import type { ApprovalRow, ApprovalStore } from './approval-store.ts'
import { createAnswering } from './answering.ts'
import type { Answering } from './answering.ts'
import { digestText, readParams } from './digest.ts'
import { createForwardClock } from '../forward-clock.ts'
import { lifetimeOf } from './lifetime.ts'
import { isSameCaller } from './person.ts'
import { areSameRequirements, isSameRequirement } from './quorum.ts'
import { createSealing } from '../sealing.ts'
import { createTickets, type Tickets } from './tickets.ts'
import { createWaiting } from './waiting.ts'

export interface HoldInput {
  readonly requester: KnownActor
  readonly upstream: string
  readonly session: SessionId
  readonly exchange: ExchangeId
  readonly method: string
  /** Masked: what reviewers are shown. */
  readonly call: Pick<Call, 'kind' | 'name' | 'arguments'>
  /** The params as they would be sent, printed; they are what will be executed. */
  readonly params: string
  readonly definition_sha256: string | null
  readonly decision: Extract<Decision, { kind: 'require_approval' }>
  /** Met by the approval that this one continues. */
  readonly carried: readonly MetRequirement[]
}

export interface Approvals {
  /** Durable when it resolves. The same call of the same caller, under the same requirements, joins the approval that is open. */
  hold(input: HoldInput): Promise<{ readonly approval: ApprovalRow; readonly fresh: boolean }>
  /** The approval once it is no longer pending, or as it stands when `signal` aborts or `until` (milliseconds since the epoch) has come. */
  wait(id: ApprovalId, options: { readonly signal: AbortSignal; readonly until?: number }): Promise<ApprovalRow>
  answer(id: ApprovalId, reviewer: Actor, given: { readonly verdict: 'approve' | 'deny'; readonly reason: string }): ReturnType<Answering['answer']>
  /** What a granted approval tells a policy. */
  grantOf(row: ApprovalRow): GrantedApproval
  /** Uses a granted, unexpired approval up: true for exactly one caller. Open the params first, they are erased here. */
  consume(id: ApprovalId): Promise<boolean>
  /** Takes back what `consume` did, where the call was not sent after all: its caller alone knows. The row as it was before that. */
  giveBack(row: ApprovalRow): Promise<void>
  /** Lets the next leg of an executed call through: true once for each, in their order from 0. */
  takeLeg(id: ApprovalId, leg: number): Promise<boolean>
  /** Ends an open approval; false if it had ended. */
  end(id: ApprovalId, state: 'withdrawn' | 'void'): Promise<boolean>
  /** What tells two sendings of one call from two calls. */
  digest(upstream: string, method: string, params: JsonObject): string
  readonly tickets: Tickets
  /** Told that the requester has learnt how an approval ended. */
  heard(row: ApprovalRow): void
  /** The params to execute; undefined if they are gone or anything about them is not as it was approved. */
  openParams(row: ApprovalRow): JsonObject | undefined
  get(id: ApprovalId): Promise<ApprovalRow | undefined>
  list: ApprovalStore['list']
  /** Another process changed an approval, or may have changed any: those who wait for it here look again. */
  changedElsewhere(id?: ApprovalId): void
  /** Ends what has expired; returns how many. */
  sweep(): Promise<number>
  close(): void
}

export interface ApprovalsOptions {
  readonly store: ApprovalStore
  readonly clock: Clock
  readonly ids: Pick<Ids, 'approval'>
  /** The store's key: 32 bytes. */
  readonly key: Uint8Array
  /** Replaces what detectors find in a text before it is kept. */
  readonly redactText: (text: string) => string
  readonly logger: Logger
  /** Told after a change is durable; what it throws changes nothing. */
  readonly onChange?: (row: ApprovalRow) => void
  readonly monotonic?: () => number
}

const riskRule = 'sallyport/risk'
const sweepEvery = 1_000
const mostUnheard = 10_000

export function createApprovals(options: ApprovalsOptions): Approvals {
  const { store, ids, redactText, logger } = options
  const now = createForwardClock(options.clock, options.monotonic)
  const sealing = createSealing(options.key, { seal: 'approval params', digest: 'approval digest' })
  const waiting = createWaiting()
  /** Holds of one and the same call follow one another, so that the second sees the first. */
  const holding = new Map<string, Promise<unknown>>()
  /** Whoever was told to call again learns of a refusal by that call, instead of asking the reviewers anew. */
  const unheard = new Map<string, ApprovalId>()
  const tickets = createTickets(options.key, now)

  /** An approval whose time is over has expired, whether or not the sweep has come by. */
  function view(row: ApprovalRow): ApprovalRow {
    const over = (row.state === 'pending' || row.state === 'granted') && row.expires_at <= now()
    return over ? { ...row, state: 'expired', sealed_params: null, ended_at: row.expires_at } : row
  }

  async function get(id: ApprovalId): Promise<ApprovalRow | undefined> {
    const row = await store.get(id)
    return row && view(row)
  }

  function tell(row: ApprovalRow): void {
    waiting.changed(row)
    try {
      options.onChange?.(row)
    } catch (error) {
      logger.warn('a listener to approvals failed', { approval: row.id, why: String(error) })
    }
  }

  async function tellById(id: ApprovalId): Promise<void> {
    const row = await get(id)
    if (row !== undefined) tell(row)
  }

  const about = (row: Pick<ApprovalRow, 'id' | 'requester' | 'upstream' | 'method'>): readonly string[] => [
    row.id, row.requester.issuer, row.requester.subject, row.upstream, row.method,
  ]

  /** Requirements that an earlier approval of this call has met stay met, unless nothing else were left to ask. */
  function stillNeeded({ decision, carried }: HoldInput): ApprovalRow['requirements'] {
    const all = decision.approval.requirements
    const open = all.filter((each) => each.rule === riskRule || !carried.some((met) => isSameRequirement(met, each)))
    return open.length > 0 ? open : all
  }

  function joins(row: ApprovalRow, input: HoldInput, requirements: ApprovalRow['requirements']): boolean {
    return (
      row.expires_at > now() &&
      row.method === input.method &&
      row.definition_sha256 === input.definition_sha256 &&
      isSameCaller(row.requester, input.requester) &&
      areSameRequirements(row.requirements, requirements) &&
      areSameRequirements(row.carried, input.carried) &&
      // What was asked to bear a risk of 70 is not asked whether it bears 95.
      (input.decision.risk <= row.risk || !requirements.some(({ rule }) => rule === riskRule))
    )
  }

  async function holdNow(input: HoldInput, params: JsonObject, digest: string): Promise<{ approval: ApprovalRow; fresh: boolean }> {
    const { requester, upstream, session, exchange, method, call, definition_sha256, decision, carried } = input
    const requirements = stillNeeded(input)
    if (requirements.length === 0) throw new TypeError('an approval needs at least one requirement')
    const open = await store.findOpen({ issuer: requester.issuer, subject: requester.subject, upstream, digest })
    const joined = open.find((row) => joins(row, input, requirements))
    if (joined !== undefined) return { approval: joined, fresh: false }
    const before = await refusedUnheard(input, digest, requirements)
    if (before !== undefined) return { approval: before, fresh: false }
    const at = now()
    const id = ids.approval()
    const reasons = decision.reasons.map((reason) => (reason.message === undefined ? reason : { ...reason, message: redactText(reason.message) }))
    const approval: ApprovalRow = {
      id, state: 'pending', requester, upstream, session, exchange, call, method, reasons, risk: decision.risk, requirements, carried,
      answers: [], created_at: at, expires_at: at + lifetimeOf(decision.approval.ttl), decided_at: null, ended_at: null, digest, definition_sha256,
      sealed_params: sealing.seal(JSON.stringify(params), about({ id, requester, upstream, method })),
    }
    await store.insert(approval)
    unheard.set(unheardKey(approval), id)
    for (const oldest of unheard.keys()) if (unheard.size > mostUnheard) unheard.delete(oldest)
    tell(approval)
    return { approval, fresh: true }
  }

  const unheardKey = ({ digest, requester }: Pick<ApprovalRow, 'digest' | 'requester'>) => JSON.stringify([digest, requester.issuer, requester.subject])

  async function refusedUnheard(input: HoldInput, digest: string, requirements: ApprovalRow['requirements']): Promise<ApprovalRow | undefined> {
    const id = unheard.get(unheardKey({ digest, requester: input.requester }))
    const row = id === undefined ? undefined : await store.get(id)
    return row?.state === 'refused' && joins(row, input, requirements) ? row : undefined
  }

  function heard(row: ApprovalRow): void {
    const key = unheardKey(row)
    if (unheard.get(key) === row.id) unheard.delete(key)
  }

  async function hold(input: HoldInput): Promise<{ approval: ApprovalRow; fresh: boolean }> {
    const params = readParams(input.params)
    if (params === undefined) throw new TypeError('the params of a held call must be an object')
    const digest = sealing.digest(digestText(input.upstream, input.method, params))
    const key = JSON.stringify([digest, input.requester.issuer, input.requester.subject])
    const before = holding.get(key) ?? Promise.resolve()
    const mine = before.catch(() => undefined).then(() => holdNow(input, params, digest))
    holding.set(key, mine)
    try {
      return await mine
    } finally {
      if (holding.get(key) === mine) holding.delete(key)
    }
  }

  async function move(id: ApprovalId, from: ApprovalRow['state'], to: ApprovalRow['state']): Promise<boolean> {
    const moved = await store.move(id, from, to, now())
    if (moved) await tellById(id)
    return moved
  }

  async function sweep(): Promise<number> {
    const expired = await store.expire(now())
    for (const id of expired) await tellById(id)
    return expired.length
  }

  const answering = createAnswering({ store, now, get, redactText, tell })
  const sweeper = setInterval(() => {
    // Expiry holds without it, see `view`: a store that cannot be written now only delays the erasing.
    sweep().catch(() => undefined)
  }, sweepEvery).unref()

  return {
    hold,
    wait: (id, wanted) => waiting.wait(id, { ...wanted, get, now }),
    answer: answering.answer,
    grantOf(row) {
      const own = row.requirements.map(({ rule, reviewers, quorum }) => ({ rule, reviewers, quorum }))
      const carried = row.carried.filter((met) => !own.some((each) => isSameRequirement(each, met)))
      const approvers = row.answers.filter(({ verdict }) => verdict === 'approve').map(({ reviewer }) => reviewer.email ?? reviewer.subject)
      return { id: row.id, met: [...own, ...carried], risk: row.risk, granted_by: [...new Set(approvers)], at: new Date(row.decided_at ?? row.created_at).toISOString() }
    },
    consume: (id) => move(id, 'granted', 'executed'),
    async giveBack({ id, sealed_params }) {
      if (sealed_params === null) return
      try {
        if (await store.giveBack(id, sealed_params, now())) await tellById(id)
      } catch (error) {
        // Nothing ran, and nothing can by it: the caller asks anew.
        logger.warn('an approval that was not used could not be given back', { approval: id, why: String(error) })
      }
    },
    takeLeg: (id, leg) => store.takeLeg(id, leg),
    digest: (upstream, method, params) => sealing.digest(digestText(upstream, method, params)),
    tickets,
    heard,
    end: async (id, state) => (await move(id, 'pending', state)) || (await move(id, 'granted', state)),
    openParams(row) {
      if (row.sealed_params === null || (row.state !== 'pending' && row.state !== 'granted')) return undefined
      const text = sealing.open(row.sealed_params, about(row))
      const params = text === undefined ? undefined : readParams(text)
      if (params === undefined || sealing.digest(digestText(row.upstream, row.method, params)) !== row.digest) return undefined
      return params
    },
    get,
    async list(filter) {
      const page = await store.list(filter)
      const items = page.items.map(view).filter(({ state }) => filter.state === undefined || state === filter.state)
      return { ...page, items }
    },
    changedElsewhere: waiting.look,
    sweep,
    close() {
      clearInterval(sweeper)
      waiting.close()
    },
  }
}
