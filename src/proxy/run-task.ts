import { setTimeout as pause } from 'node:timers/promises'
import type { ApprovalRow } from '../approval/approval-store.ts'
import { errorTable, GatewayError } from '../errors.ts'
import type { Decision, JsonObject, Request } from '../model.ts'
import { answerOwn, factsOf, runApproved } from './answer-held.ts'
import type { From } from './calls.ts'
import type { About, Judge } from './evaluate.ts'
import { holdCall, holdNow } from './hold.ts'
import { holderOf, takeLeg, type Earlier } from './legs.ts'
import type { OwnTask } from './own-tasks.ts'
import { forget, track } from './pending.ts'
import { passMessage, withEnvelope } from './pipeline.ts'
import { relayRequest } from './relay.ts'
import type { Pending } from './session.ts'

type NeedsApproval = Parameters<typeof holdCall>[1]

/** Finished tasks can be asked about for an hour after their approval would have ended. */
const keptFor = 3_600_000
const pollEvery = 3_000
const mostEmptyRounds = 100

/** Answers a held call with a task, where its client can take one and it is not approved yet. False where it is to be held at its stream. */
export async function answerWithTask(request: Request, decision: NeedsApproval, pending: Pending, about: About, rooms: Judge): Promise<boolean> {
  const { session, actor } = about
  const mayBeTask = request.revision === '2026-07-28' && request.method === 'tools/call' && pending.waits === undefined && !pending.isTask
  if (!mayBeTask || !rooms.wire.declaresTasks(request.body) || !rooms.tasks.hasRoom(session.caller)) return false
  const row = await holdNow(request, decision, about.approval, about, rooms)
  if (row.state !== 'pending') return false
  const task = createTask(row, rooms.wire.withoutTasks(request), about, rooms)
  rooms.tasks.add(task)
  const handle = { resultType: 'task', ...statusOf(task), _meta: { 'sallyport/decision': rooms.answers.told(decision, factsOf(row, about)) } }
  await answerOwn(request, { jsonrpc: '2.0', id: request.id, result: handle }, decision, pending, about, rooms)
  void runTask(task, task.request, { session, actor, goodUntil: pending.goodUntil }, { decision, mirror: pending.mirror }, rooms)
  return true
}

function createTask(row: ApprovalRow, request: Request, { actor, session }: Pick<About, 'actor' | 'session'>, rooms: Judge): OwnTask {
  const created = rooms.clock()
  const expires = row.expires_at + keptFor
  const id = rooms.approvals.tickets.write({ kind: 'task', approval: row.id, created, expires }, holderOf(actor, session, 'tasks'), expires)
  return taskOf(id, row, request, created, expires, session.caller, rooms)
}

export const taskOf = (id: string, row: ApprovalRow, request: Request, created: number, expires: number, caller: string, rooms: Judge): OwnTask => ({
  id, caller, request, approval: row.id, created, expires, cancel: new AbortController(), state: { kind: 'working' }, changed: created, rounds: 0, grant: rooms.approvals.grantOf(row),
})

/** What every answer about a task says of it. */
export function statusOf(task: OwnTask): JsonObject {
  const { id, state, created, changed, expires } = task
  const words = { working: 'working', again: 'working', asks: 'input_required', answered: 'completed', own: 'completed', cancelled: 'cancelled' } as const
  const status = words[state.kind]
  return {
    taskId: id, status, ...(status === 'working' ? { statusMessage: `the call waits for approval ${task.approval}, or runs` } : {}),
    createdAt: new Date(created).toISOString(), lastUpdatedAt: new Date(changed).toISOString(), ttlMs: expires - created, pollIntervalMs: pollEvery,
  }
}

interface RunOptions {
  /** Set where the call was judged, and is held. */
  readonly decision?: NeedsApproval
  readonly claim?: Earlier['claim']
  readonly mirror: Pending['mirror']
}

/** The call of a task, from its wait to its answer. Never rejects: what goes wrong is what the task tells. */
export async function runTask(task: OwnTask, params: Request, from: From, { decision, claim, mirror }: RunOptions, rooms: Judge): Promise<void> {
  const { session, actor } = from
  const leg = await takeLeg(params, actor, session, rooms).catch((cause: unknown) => ({ cause }))
  if ('cause' in leg) return tellFault(leg.cause, task, rooms)
  if ('refused' in leg) return rooms.tasks.change(task, { kind: 'own', envelope: rooms.answers.error(task.request.id, -32602, leg.refused.detail) })
  const { request, earlier } = leg
  const pending = track(request, rooms.tasks.channelOf(task), from, rooms, { isTask: true, mirror })
  pending.approval = earlier.approval
  pending.leg = earlier.leg ?? 0
  const about: About = { session, exchange: pending.exchange, actor, approval: earlier.approval }
  const once = earlier.claim ?? claim
  try {
    const passage = decision === undefined ? await passMessage(request, about, { closes: false, ...(once === undefined ? {} : { claim: once }) }, rooms) : undefined
    if (passage?.kind === 'forward') {
      pending.giveBack = once?.giveBack
      await relayRequest(passage, pending, session, rooms)
      return await goOn(task, from, mirror, rooms)
    }
    if (passage?.kind === 'refused') return tellRefused(task, passage.judged.decision, about, rooms)
    const needed = passage?.judged.decision ?? decision
    if (needed === undefined) return
    const held = await holdCall(request, needed, pending, about, rooms)
    if (held.kind === 'pending') return rooms.tasks.forget(task) // the gateway stops, or the token has run out; whoever asks next takes it up again
    if (held.kind === 'withdrawn') return rooms.tasks.change(task, { kind: 'cancelled' })
    if (held.kind === 'refused') return tellRefused(task, held.decision, about, rooms, held.approval)
    task.grant = held.approval
    await runApproved(held, pending, about, rooms)
    await goOn(task, from, mirror, rooms)
  } catch (cause) {
    tellFault(cause, task, rooms)
  } finally {
    forget(pending, session)
  }
}

/** A server that only wants to be asked again is asked again (MCP 2026-07-28 basic/patterns/mrtr): the client of a task would have nothing to reply to. */
async function goOn(task: OwnTask, from: From, mirror: Pending['mirror'], rooms: Judge): Promise<void> {
  const { state } = task
  if (state.kind !== 'again') return
  if (state.round >= mostEmptyRounds) return tellFault(new GatewayError('upstream_broken', { detail: 'the server asks to be asked again for ever' }), task, rooms)
  rooms.tasks.change(task, { kind: 'working' })
  await pause(pollEvery / 3, undefined, { signal: task.cancel.signal, ref: false }).catch(() => undefined)
  if (task.cancel.signal.aborted) return
  await runTask(task, nextLeg(task, {}, state.message.body['requestState']), from, { mirror }, rooms)
}

const tellRefused = (task: OwnTask, decision: Decision, about: About, rooms: Judge, row?: ApprovalRow): void =>
  rooms.tasks.change(task, { kind: 'own', envelope: rooms.answers.refusal(task.request, decision, factsOf(row, about)) })

function tellFault(cause: unknown, task: OwnTask, rooms: Judge): void {
  const fault = cause instanceof GatewayError ? cause : new GatewayError('internal', { cause })
  rooms.logger.error('a task could not be worked on', { code: fault.code, detail: fault.detail, cause: String(cause) })
  rooms.tasks.change(task, { kind: 'own', envelope: rooms.answers.error(task.request.id, errorTable[fault.code].rpc, errorTable[fault.code].public) })
}

/** The call of a task with what its client replied (io.modelcontextprotocol/tasks, "Task Update Requests"). */
export const nextLeg = ({ request }: OwnTask, answers: JsonObject, requestState: JsonObject[string] | undefined): Request =>
  withEnvelope(request, { ...request.envelope, params: { ...request.body, inputResponses: answers, ...(requestState === undefined ? {} : { requestState }) } })
