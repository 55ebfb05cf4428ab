import type { Actor, ApprovalId, Clock, GrantedApproval, Ids, JsonObject, Logger } from '../model.ts'
import { createForwardClock } from '../forward-clock.ts'
import type { ApprovalRow, ApprovalStore } from './approval-store.ts'
import { createAnswering } from './answering.ts'
import type { AccountOf, Answering } from './answering.ts'
import { createHolding, type Held, type HoldInput } from './holding.ts'
import { createMarks } from './marks.ts'
import { isSameRequirement, standing } from './quorum.ts'
import { createSealedParams } from './sealed-params.ts'
import { createTickets, type Tickets } from './tickets.ts'
import { createUnheard } from './unheard.ts'
import { createWaiting } from './waiting.ts'

export type { HoldInput }

export interface Approvals {
  /** Durable when it resolves. The same call of the same caller, under the same requirements, joins the approval that is open. */
  hold(input: HoldInput): Promise<Held>
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
  /** Withdraws a pending approval whose call was taken back, unless the same call, made once more, waits for it as well. */
  takeBack(id: ApprovalId): Promise<void>
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
  /** The account that somebody has here now, as far as they ever signed in. */
  readonly accountOf?: AccountOf
  /** Told after a change is durable; what it throws changes nothing. */
  readonly onChange?: (row: ApprovalRow) => void
  readonly monotonic?: () => number
  /** What time it is at least, whatever the clock says. */
  readonly since?: number | undefined
}

const sweepEvery = 1_000
const noAccounts: AccountOf = async () => undefined

export function createApprovals(options: ApprovalsOptions): Approvals {
  const { store, ids, redactText, logger } = options
  const now = createForwardClock(options.clock, options.monotonic, options.since)
  const sealed = createSealedParams(options.key)
  const marks = createMarks(options.key)
  const waiting = createWaiting()
  const unheard = createUnheard()

  const isTrue = (row: ApprovalRow): boolean => marks.areTrue(row) && sealed.isWhole(row)

  /** An approval whose time is over has expired, whether or not the sweep has come by; one that is not what was put before its reviewers is void. */
  function view(row: ApprovalRow): ApprovalRow {
    if (row.state !== 'pending' && row.state !== 'granted') return row
    if (row.expires_at <= now()) return { ...row, state: 'expired', sealed_params: null, ended_at: row.expires_at }
    return isTrue(row) ? row : { ...row, state: 'void', sealed_params: null }
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

  async function move(id: ApprovalId, from: ApprovalRow['state'], to: ApprovalRow['state']): Promise<boolean> {
    const moved = await store.move(id, from, to, now())
    if (moved) await tellById(id)
    return moved
  }

  const end: Approvals['end'] = async (id, state) => (await move(id, 'pending', state)) || (await move(id, 'granted', state))

  async function giveBack({ id, sealed_params }: ApprovalRow): Promise<void> {
    if (sealed_params === null) return
    try {
      if (await store.giveBack(id, sealed_params, now())) await tellById(id)
    } catch (error) {
      // Nothing ran, and nothing can by it: the caller asks anew.
      logger.warn('an approval that was not used could not be given back', { approval: id, why: String(error) })
    }
  }

  async function sweep(): Promise<number> {
    const expired = await store.expire(now())
    for (const id of expired) await tellById(id)
    return expired.length
  }

  const answering = createAnswering({ store, now, get, redactText, tell, marks, accountOf: options.accountOf ?? noAccounts })
  const sweeper = setInterval(() => {
    // Expiry holds without it, see `view`: a store that cannot be written now only delays the erasing.
    sweep().catch(() => undefined)
  }, sweepEvery).unref()

  return {
    hold: createHolding({ store, view, end, sealed, unheard, now, ids, redactText, tell }),
    wait: (id, wanted) => waiting.wait(id, { ...wanted, get, now }),
    answer: answering.answer,
    grantOf,
    consume: (id) => move(id, 'granted', 'executed'),
    giveBack,
    takeLeg: (id, leg) => store.takeLeg(id, leg),
    digest: sealed.digest,
    tickets: createTickets(options.key, now),
    heard: unheard.heard,
    end,
    async takeBack(id) {
      if (!waiting.isAwaited(id)) await move(id, 'pending', 'withdrawn')
    },
    openParams: (row) => (marks.areTrue(row) ? sealed.open(row) : undefined),
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

function grantOf(row: ApprovalRow): GrantedApproval {
  const own = row.requirements.map(({ rule, reviewers, quorum }) => ({ rule, reviewers, quorum }))
  const carried = row.carried.filter((met) => !own.some((each) => isSameRequirement(each, met)))
  const approvers = standing(row.answers).map(({ reviewer }) => reviewer.email ?? reviewer.subject)
  return { id: row.id, met: [...own, ...carried], risk: row.risk, granted_by: [...new Set(approvers)], at: new Date(row.decided_at ?? row.created_at).toISOString() }
}
