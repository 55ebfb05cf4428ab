import { toPlatform } from '../abort.ts'
import type { ApprovalRow } from '../approval/approval-store.ts'
import { isObject } from '../exact-json.ts'
import type { Decision, GrantedApproval, Json, Request } from '../model.ts'
import { judge, type About, type Judge } from './evaluate.ts'
import { greetAgain } from './greet.ts'
import { passMessage, withEnvelope, type Passage } from './pipeline.ts'
import type { Pending } from './session.ts'

type NeedsApproval = Extract<Decision, { kind: 'require_approval' }>

/** Why a wait is cut short when the gateway stops: the approval stays open, and the caller may call again. */
export const stopping = 'the gateway is shutting down'

/** How a held call ends: it may be sent, or the caller is told why not. */
export type Held =
  | { readonly kind: 'forward'; readonly passage: Extract<Passage<Request>, { kind: 'forward' }>; readonly approval: GrantedApproval; readonly giveBack: () => Promise<void> }
  | { readonly kind: 'refused'; readonly decision: Decision; readonly approval: ApprovalRow | undefined }
  /** The wait is over before the reviewers answered: the same call, made again, goes on waiting. `round`: how often it was told so, this time included. */
  | { readonly kind: 'pending'; readonly decision: NeedsApproval; readonly approval: ApprovalRow; readonly round: number }
  /** The caller took the call back. */
  | { readonly kind: 'withdrawn' }

/** One wait of a client, whatever it waits for in turn. */
interface Patience {
  until: number | undefined
  /** What the client was last told (MCP basic/utilities/progress): it must increase. */
  progress: number
}

/**
 * Waits for the reviewers, then puts the stored call to the policy again under the bundle then active. The approval is used up
 * by one conditional update between that judgement and its record, so no approval lets two calls pass.
 * Another bundle judges the call at once: refused, it ends; where it asks for another approval, its reviewers are asked in place of the
 * old ones. Where it asks for none, the call stays with them: nothing that waits runs because of a policy alone, but made again it passes.
 */
export async function holdCall(request: Request, needed: NeedsApproval, pending: Pending, about: About, rooms: Judge): Promise<Held> {
  let decision = needed
  let carried = about.approval
  const { waits } = pending
  // What was waited for has ended while the client was away: it is told so, and the reviewers are not asked anew.
  if (waits !== undefined && endings.has(waits.approval.state)) return refusedBy(waits.approval, decision, rooms)
  if (waits === undefined) rooms.counters.add(about.session.counterKey, 'approvals')
  let judgedBy = decision.bundle
  let before: ApprovalRow | undefined
  let hasWaited = false
  let patience = patienceFor(pending, rooms)
  for (;;) {
    const held = await holdNow(request, decision, carried, about, rooms)
    if (before !== undefined && before.id !== held.id) await rooms.approvals.end(before.id, 'void')
    before = held
    hasWaited ||= held.state === 'pending'
    const row = await waitFor(held, judgedBy, patience, pending, rooms)
    if (pending.abort.signal.aborted && pending.abort.signal.reason !== stopping) return takeBack(row, pending, about, rooms)
    // It was another of the caller's calls, the same as this one, that was taken back with it.
    if (row.state === 'withdrawn') continue
    // The caller may be another by now, or nobody: made again, with a newer token, the call finds what the reviewers said.
    const isTooLate = hasWaited && goodFor(pending, rooms) <= 0
    if (row.state === 'pending' && !isTooLate && rooms.policy.active() !== judgedBy) {
      const { decision: now } = await judge(request, { ...about, approval: carried }, rooms)
      judgedBy = now.bundle
      if (now.kind === 'require_approval') decision = now
      if (now.kind !== 'deny') continue
      await rooms.approvals.end(row.id, 'void')
      return { kind: 'refused', decision: now, approval: row }
    }
    if (row.state === 'pending' || (row.state === 'granted' && isTooLate)) return { kind: 'pending', decision, approval: row, round: (waits?.round ?? 0) + 1 }
    if (row.state !== 'granted') return refusedBy(row, decision, rooms)

    // The server may have been replaced meanwhile. It is greeted first: that takes time, and the judgement must be the last before the sending.
    await greetAgain(about, rooms)
    const stored = storedRequest(row, request, about, rooms)
    if (stored === undefined) {
      await rooms.approvals.end(row.id, 'void')
      return { kind: 'refused', decision: ownDenial(decision, 'approval_void', 'the tool, or what is kept of its approval, changed since the call was held'), approval: row }
    }
    const approval = rooms.approvals.grantOf(row)
    const giveBack = () => rooms.approvals.giveBack(row)
    const passage = await passMessage(stored, { ...about, approval }, { closes: false, claim: { take: () => rooms.approvals.consume(row.id), giveBack } }, rooms)
    if (passage.kind === 'forward') return { kind: 'forward', passage, approval, giveBack }
    if (passage.kind === 'refused' && isUsed(passage.judged.decision)) return { kind: 'refused', decision: passage.judged.decision, approval: row }
    await rooms.approvals.end(row.id, 'void')
    if (passage.kind === 'refused') return { kind: 'refused', decision: passage.judged.decision, approval: row }
    decision = passage.judged.decision
    carried = approval
    judgedBy = decision.bundle
    before = undefined
    patience = patienceFor(pending, rooms)
  }
}

/** Puts a call before its reviewers, or finds where it is before them already. */
export const holdNow = (request: Request, decision: NeedsApproval, carried: GrantedApproval | undefined, about: About, rooms: Judge): Promise<ApprovalRow> =>
  rooms.approvals.hold({ requester: about.actor, session: about.session.id, exchange: about.exchange, upstream: about.session.upstream.name, request, decision, carried })

const endings: ReadonlySet<ApprovalRow['state']> = new Set(['refused', 'expired', 'executed'])

function refusedBy(row: ApprovalRow, decision: Decision, rooms: Judge): Held {
  rooms.approvals.heard(row)
  return { kind: 'refused', decision: ownDenial(decision, `approval_${row.state}`, refusalText(row)), approval: row }
}

const longestTimer = 2 ** 31 - 1

/** How long the token lasts that brought a call: what it said of its caller holds no longer. */
const goodFor = ({ goodUntil = Infinity }: Pending, { clock }: Judge): number => goodUntil - clock()

/** The approval as it stands when it was answered, the client's patience or token has ended, or another bundle is active than the one that held the call. */
async function waitFor(row: ApprovalRow, judgedBy: Decision['bundle'], patience: Patience, pending: Pending, rooms: Judge): Promise<ApprovalRow> {
  if (row.state !== 'pending') return row
  const token = rooms.wire.progressTokenOf(pending.request.body)
  const over = new AbortController()
  const left = Math.min(patience.until === undefined ? Infinity : patience.until - performance.now(), goodFor(pending, rooms))
  const timer = setTimeout(() => over.abort(), Math.min(Math.max(left, 0), longestTimer)).unref()
  const unwatch = rooms.policy.watch(() => over.abort())
  if (rooms.policy.active() !== judgedBy) over.abort()
  pending.channel.stream()
  const ticking = token === undefined ? undefined : tickProgress(token, row, patience, pending)
  pending.paused = true
  try {
    return await rooms.approvals.wait(row.id, { signal: AbortSignal.any([over.signal, toPlatform(pending.abort)]) })
  } finally {
    pending.paused = false
    unwatch()
    clearTimeout(timer)
    clearInterval(ticking)
  }
}

// Each round of the newer era ends before the shortest limit of common clients, a minute; a task has nobody waiting at its stream.
const longestRound = 45_000

function patienceFor({ isTask, request }: Pending, { patience, wire }: Judge): Patience {
  if (isTask) return { until: undefined, progress: 0 }
  const legacy = wire.progressTokenOf(request.body) === undefined ? patience.without : patience.withProgress
  return { until: performance.now() + (request.revision === '2026-07-28' ? Math.min(patience.without, longestRound) : legacy), progress: 0 }
}

// MCP basic/utilities/progress: progress must increase, and only flows where the request asked for it.
function tickProgress(token: Json, row: ApprovalRow, patience: Patience, pending: Pending): NodeJS.Timeout {
  const tick = () => {
    patience.progress += 1
    const params = { progressToken: token, progress: patience.progress, message: `waiting for approval ${row.id}` }
    void pending.channel.notify({ jsonrpc: '2.0', method: 'notifications/progress', params })
  }
  tick()
  return setInterval(tick, 10_000).unref()
}

// A client of the newest era that closes its stream has cancelled its call (MCP 2026-07-28 basic/patterns/cancellation), and so has one whose patience
// or connection ended: made again, the same call finds the approval. Only who says that the call is taken back does not want it any more.
async function takeBack(row: ApprovalRow, pending: Pending, about: About, rooms: Judge): Promise<Held> {
  const hasLeft = about.session.era === 'modern' && pending.channel.left.aborted
  if (row.state === 'pending' && !hasLeft) await rooms.approvals.takeBack(row.id)
  return { kind: 'withdrawn' }
}

/** The call as it was held; undefined where the tool is no longer the one that was approved. */
function storedRequest(row: ApprovalRow, live: Request, about: About, rooms: Judge): Request | undefined {
  const params = rooms.approvals.params(row, live.body)
  const now = live.call === undefined ? undefined : rooms.definitions.get(about.session.upstream.name, live.call.kind, live.call.name)?.definition_sha256
  if (params === undefined || live.call === undefined || (now ?? null) !== row.definition_sha256) return undefined
  const args = params['arguments']
  return { ...withEnvelope(live, { ...live.envelope, params }), call: { ...live.call, arguments: isObject(args) ? args : {} } }
}

const isUsed = ({ reasons }: Decision): boolean => reasons.some(({ rule }) => rule === 'sallyport/approval_used')

export const ownDenial = (decision: Decision, code: string, message: string): Decision => ({
  kind: 'deny', reasons: [{ code, message, rule: `sallyport/${code}` }], risk: decision.risk, listed: decision.listed, bundle: decision.bundle, mask: [],
})

export function refusalText(row: ApprovalRow): string {
  if (row.state === 'refused') {
    const reason = row.answers.find(({ verdict }) => verdict === 'deny')?.reason
    return reason === undefined || reason === '' ? 'the reviewers refused the call' : `the reviewers refused the call: ${reason}`
  }
  if (row.state === 'expired') return 'nobody approved the call in time'
  if (row.state === 'void') return 'the approval is void: call again to ask anew'
  return `the approval is ${row.state}`
}
