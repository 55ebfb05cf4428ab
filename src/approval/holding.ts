import type { ApprovalId, Clock, Decision, ExchangeId, Ids, JsonObject, KnownActor, MetRequirement, SessionId } from '../model.ts'
import type { ApprovalRow, ApprovalStore, ShownCall } from './approval-store.ts'
import { readParams } from './digest.ts'
import { lifetimeOf } from './lifetime.ts'
import { isSameCaller } from './person.ts'
import { areSameRequirements, isSameRequirement } from './quorum.ts'
import type { SealedParams } from './sealed-params.ts'
import { callKey, type CallKey, type Unheard } from './unheard.ts'

export interface HoldInput {
  readonly requester: KnownActor
  readonly upstream: string
  readonly session: SessionId
  readonly exchange: ExchangeId
  readonly method: string
  readonly call: ShownCall
  /** The params as they would be sent, printed; they are what will be executed. */
  readonly params: string
  readonly definition_sha256: string | null
  readonly decision: Extract<Decision, { kind: 'require_approval' }>
  /** Met by the approval that this one continues. */
  readonly carried: readonly MetRequirement[]
}
export interface Held {
  readonly approval: ApprovalRow
  readonly fresh: boolean
}

interface Parts {
  readonly store: Pick<ApprovalStore, 'findOpen' | 'get' | 'insert'>
  /** As it stands now, whatever the store says. */
  readonly view: (row: ApprovalRow) => ApprovalRow
  readonly end: (id: ApprovalId, state: 'void') => Promise<boolean>
  readonly sealed: SealedParams
  readonly unheard: Unheard
  readonly now: Clock
  readonly ids: Pick<Ids, 'approval'>
  readonly redactText: (text: string) => string
  readonly tell: (row: ApprovalRow) => void
}
/** A call, and what is needed for it. */
interface Wanted {
  readonly input: HoldInput
  readonly params: JsonObject
  readonly digest: string
  readonly requirements: ApprovalRow['requirements']
}

const riskRule = 'sallyport/risk'

/** How a call comes to wait: for an approval of its own, or for one that the same call has already. */
export function createHolding({ store, view, end, sealed, unheard, now, ids, redactText, tell }: Parts): (input: HoldInput) => Promise<Held> {
  /** Holds of one and the same call follow one another, so that the second sees the first. */
  const underWay = new Map<CallKey, Promise<unknown>>()

  async function find({ input, digest, requirements }: Wanted): Promise<ApprovalRow | undefined> {
    const { requester: { issuer, subject }, upstream } = input
    const isSame = (row: ApprovalRow) => row.expires_at > now() && row.state !== 'void' && joins(row, input, requirements)
    const open = (await store.findOpen({ issuer, subject, upstream, digest })).map(view)
    for (const { id, state } of open) if (state === 'void') await end(id, state)
    const joined = open.find(isSame)
    if (joined !== undefined) return joined
    const id = unheard.of(callKey(digest, input.requester))
    const before = id === undefined ? undefined : await store.get(id)
    return before?.state === 'refused' && isSame(before) ? before : undefined
  }

  function open({ input, params, digest, requirements }: Wanted): ApprovalRow {
    const { requester, upstream, session, exchange, method, call, definition_sha256, decision, carried } = input
    const at = now()
    const id = ids.approval()
    const reasons = decision.reasons.map((reason) => (reason.message === undefined ? reason : { ...reason, message: redactText(reason.message) }))
    const fixed = {
      id, requester, upstream, session, exchange, call, method, reasons, risk: decision.risk, requirements, carried, created_at: at, expires_at: at + lifetimeOf(decision.approval.ttl), digest, definition_sha256,
    }
    return { ...fixed, state: 'pending', answers: [], decided_at: null, ended_at: null, sealed_params: sealed.seal(params, fixed) }
  }

  async function holdNow(wanted: Wanted): Promise<Held> {
    const found = await find(wanted)
    if (found !== undefined) return { approval: found, fresh: false }
    const approval = open(wanted)
    await store.insert(approval)
    unheard.opened(approval)
    tell(approval)
    return { approval, fresh: true }
  }

  return async (input) => {
    const params = readParams(input.params)
    if (params === undefined) throw new TypeError('the params of a held call must be an object')
    const requirements = stillNeeded(input)
    if (requirements.length === 0) throw new TypeError('an approval needs at least one requirement')
    const digest = sealed.digest(input.upstream, input.method, params)
    const key = callKey(digest, input.requester)
    const before = underWay.get(key) ?? Promise.resolve()
    const mine = before.catch(() => undefined).then(() => holdNow({ input, params, digest, requirements }))
    underWay.set(key, mine)
    try {
      return await mine
    } finally {
      if (underWay.get(key) === mine) underWay.delete(key)
    }
  }
}

/** Requirements that an earlier approval of this call has met stay met, unless nothing else were left to ask. */
function stillNeeded({ decision, carried }: HoldInput): ApprovalRow['requirements'] {
  const all = decision.approval.requirements
  const open = all.filter((each) => each.rule === riskRule || !carried.some((met) => isSameRequirement(met, each)))
  return open.length > 0 ? open : all
}

function joins(row: ApprovalRow, input: HoldInput, requirements: ApprovalRow['requirements']): boolean {
  return (
    row.method === input.method &&
    row.definition_sha256 === input.definition_sha256 &&
    isSameCaller(row.requester, input.requester) &&
    areSameRequirements(row.requirements, requirements) &&
    areSameRequirements(row.carried, input.carried) &&
    // What was asked to bear a risk of 70 is not asked whether it bears 95.
    (input.decision.risk <= row.risk || !requirements.some(({ rule }) => rule === riskRule))
  )
}
