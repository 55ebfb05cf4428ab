import { GatewayError } from '../errors.ts'
import { isObject } from '../exact-json.ts'
import type { Decision, Json, JsonObject, Message, Request } from '../model.ts'
import { ownDenial, refusalText } from './hold.ts'
import { factsOf } from './answer-held.ts'
import { answerRefused } from './answer-refused.ts'
import type { From, Mirrored } from './calls.ts'
import type { Channel } from './channel.ts'
import { seal, type About, type Judge } from './evaluate.ts'
import { withDefinition } from './learn.ts'
import { holderOf } from './legs.ts'
import { ownAnswer, recordOwnDenial } from './own-answers.ts'
import { inputRequestsOf, type OwnTask } from './own-tasks.ts'
import { passMessage, withEnvelope } from './pipeline.ts'
import { nextLeg, runTask, statusOf, taskOf } from './run-task.ts'

/** `tasks/get`, `tasks/update` and `tasks/cancel` of a task that the gateway made (io.modelcontextprotocol/tasks). */
export async function handleOwnTask(asked: Request, from: From, channel: Channel, mirrored: Mirrored, rooms: Judge): Promise<void> {
  const { session, actor } = from
  const exchange = rooms.ids.exchange()
  const task = await findTask(asked, from, mirrored, rooms)
  if (task === undefined) {
    await recordOwnDenial(asked, 'task_unknown', 'no task of this caller has that id, or it has expired', 'answered', { session, actor, exchange }, true, rooms)
    return channel.answer({ envelope: rooms.answers.unknown(asked) })
  }
  const request: Request = { ...asked, ...(task.request.call === undefined ? {} : { call: task.request.call }) }
  const about: About = { session, exchange, actor, approval: task.grant }
  const tells = request.method === 'tasks/get' && (task.state.kind === 'answered' || task.state.kind === 'asks')
  const passage = await passMessage(request, about, { closes: !tells, outcome: 'answered' }, rooms)
  if (passage.kind !== 'forward') return answerRefused(request, passage.judged.decision, { exchange, channel }, rooms)
  if (request.method === 'tasks/get') return tell(task, request, about, channel, rooms)
  if (request.method === 'tasks/cancel') await cancel(task, rooms)
  else update(task, request, from, mirrored, rooms)
  await channel.answer({ envelope: answerTo(request, { resultType: 'complete' }) })
}

/** A subscription to those tasks only that its session made: of the gateway's own, which are polled, its server knows nothing, and others' are not to be heard of. */
export function withoutOtherTasks(request: Request, { tasks }: From['session']): Request {
  const { notifications } = request.body
  const ids = isObject(notifications) ? notifications['taskIds'] : undefined
  if (!isObject(notifications) || ids === undefined) return request
  const isOwn = (id: Json) => typeof id === 'string' && tasks.has(id)
  if (Array.isArray(ids) && ids.every(isOwn)) return request
  const fewer = { ...notifications, taskIds: Array.isArray(ids) ? ids.filter(isOwn) : [] }
  return withEnvelope(request, { ...request.envelope, params: { ...request.body, notifications: fewer } })
}

const answerTo = ({ id }: Request, result: JsonObject): JsonObject => ({ jsonrpc: '2.0', id, result })

async function tell(task: OwnTask, request: Request, about: About, channel: Channel, rooms: Judge): Promise<void> {
  const { state } = task
  const status: JsonObject = { resultType: 'complete', ...statusOf(task) }
  if (state.kind !== 'answered' && state.kind !== 'asks') return channel.answer({ envelope: answerTo(request, { ...status, ...(state.kind === 'own' ? outcomeOf(state.envelope) : {}) }) })
  // What was released when it came is judged again by the bundle that is active when it is told.
  const passage = await passMessage(state.message, about, { closes: true }, rooms)
  if (passage.kind !== 'forward') {
    const refusal = rooms.answers.refusal(task.request, passage.judged.decision, { decisionId: about.exchange, executed: true })
    return channel.answer({ envelope: answerTo(request, { ...status, ...outcomeOf(refusal) }) })
  }
  const { message } = passage.evaluated
  const told = state.kind === 'asks' ? { inputRequests: keyed(message, state.round) } : outcomeOf(message.envelope)
  await channel.release(seal(ownAnswer(request, answerTo(request, { ...status, ...told })), passage.judged, about), about)
}

/** A task failed if its call was answered with a JSON-RPC error; a tool's own error is a result. */
const outcomeOf = ({ error, result }: JsonObject): JsonObject => (error === undefined ? { status: 'completed', result: result ?? {} } : { status: 'failed', error })

async function cancel(task: OwnTask, rooms: Judge): Promise<void> {
  rooms.tasks.change(task, { kind: 'cancelled' })
  task.cancel.abort()
  await rooms.approvals.end(task.approval, 'withdrawn')
}

// A key must mean one thing for the whole life of a task, and servers only keep theirs apart within one round.
const prefixOf = (round: number) => `${round}.`
const keyed = (message: Message, round: number): JsonObject => Object.fromEntries(Object.entries(inputRequestsOf(message)).map(([key, value]) => [prefixOf(round) + key, value]))

/** Replies to what is not asked, or was answered, are ignored; with the last one missing the call goes on. */
function update(task: OwnTask, request: Request, from: From, mirrored: Mirrored, rooms: Judge): void {
  const { state } = task
  const { inputResponses } = request.body
  if (state.kind !== 'asks' || !isObject(inputResponses)) return
  const wanted = Object.keys(inputRequestsOf(state.message))
  const replies = wanted.flatMap((key) => {
    const reply = Object.hasOwn(state.given, key) ? state.given[key] : inputResponses[prefixOf(state.round) + key]
    return reply === undefined ? [] : [[key, reply] as const]
  })
  const given = Object.fromEntries(replies)
  if (replies.length < wanted.length) return rooms.tasks.change(task, { ...state, given })
  rooms.tasks.change(task, { kind: 'working' })
  void runTask(task, nextLeg(task, given, state.message.body['requestState']), from, { mirror: mirrorOf(task.request, mirrored, from, rooms) }, rooms)
}

const mirrorOf = ({ call }: Request, mirrored: Mirrored, { session }: From, rooms: Judge) => {
  const schema = call === undefined ? undefined : rooms.definitions.get(session.upstream.name, call.kind, call.name)?.inputSchema
  return (args: JsonObject) => mirrored.remake(schema, args)
}

async function findTask(asked: Request, from: From, mirrored: Mirrored, rooms: Judge): Promise<OwnTask | undefined> {
  const { session, actor } = from
  const id = String(asked.body['taskId'])
  const read = rooms.approvals.tickets.read(id, holderOf(actor, session, 'tasks'))
  if (read.kind !== 'ticket' || read.ticket.kind !== 'task') return undefined
  const known = rooms.tasks.get(id)
  if (known !== undefined) return known
  const { approval, created, expires } = read.ticket
  const row = await rooms.approvals.get(approval)
  if (row === undefined) return undefined
  const params = rooms.approvals.params(row, asked.body)
  const held = await heldRequest(asked, row.method, params ?? { name: row.call.name, arguments: row.call.arguments, _meta: asked.body['_meta'] ?? {} }, from, rooms)
  const other = rooms.tasks.get(id)
  if (other !== undefined) return other
  const task = taskOf(id, row, held, created, expires, session.caller, rooms)
  rooms.tasks.add(task)
  if (params === undefined) endedBefore(task, row, { session, actor, exchange: rooms.ids.exchange() }, rooms)
  // Whatever lets it pass now uses its approval up: it runs once, however often the gateway starts.
  else void runTask(task, held, from, { mirror: mirrorOf(held, mirrored, from, rooms), claim: { take: async () => (await rooms.approvals.consume(row.id)) || rooms.approvals.end(row.id, 'withdrawn'), giveBack: () => rooms.approvals.giveBack(row) } }, rooms)
  return task
}

async function heldRequest(asked: Request, method: string, params: JsonObject, from: From, rooms: Judge): Promise<Request> {
  const id = rooms.ids.secret()
  const read = rooms.wire.callOf(method, params)
  const base: Request = { direction: 'to_server', revision: asked.revision, kind: 'request', id, method, envelope: { jsonrpc: '2.0', id, method, params }, body: params }
  const named = read.kind === 'call' ? { ...base, call: { ...read.call, annotations: {} } } : base
  const described = await withDefinition(named, from, rooms)
  if ('kind' in described) throw new GatewayError('upstream_unreachable', { detail: 'it did not tell its tools' })
  return rooms.wire.withoutTasks(described.request)
}

/** The approval of a task that this process did not see end. */
function endedBefore(task: OwnTask, row: Parameters<typeof taskOf>[1], about: About, rooms: Judge): void {
  if (row.state === 'withdrawn') return rooms.tasks.change(task, { kind: 'cancelled' })
  if (row.state === 'executed') {
    const envelope = rooms.answers.error(task.request.id, -33002, 'The call may have been executed, and its answer is not known any more: the gateway was started again since, or keeps it no longer.', { approval_id: row.id })
    return rooms.tasks.change(task, { kind: 'own', envelope })
  }
  const decision: Decision = ownDenial({ kind: 'deny', reasons: row.reasons, risk: row.risk, listed: [], bundle: rooms.policy.active() ?? 'none' }, `approval_${row.state}`, refusalText(row))
  rooms.tasks.change(task, { kind: 'own', envelope: rooms.answers.refusal(task.request, decision, factsOf(row, about)) })
}
