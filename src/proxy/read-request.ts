import type { Request } from '../model.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { withoutOtherTasks } from './ask-task.ts'
import type { From, Mirrored } from './calls.ts'
import type { OwnAnswer } from './channel.ts'
import type { Judge } from './evaluate.ts'
import { takeLeg, type Earlier } from './legs.ts'
import { recordOwnDenial } from './own-answers.ts'
import type { Pending } from './session.ts'

interface Refused {
  readonly refused: OwnAnswer
}

type Reading = { readonly request: Request; readonly earlier: Earlier } | Refused

/** One that the gateway made of a held call, not the server's. */
export const isOwnTask = ({ method, revision, body }: Request, { approvals }: Judge): boolean =>
  revision === '2026-07-28' && method.startsWith('tasks/') && typeof body['taskId'] === 'string' && approvals.tickets.isOwn(body['taskId'])

/** What a request is about, and what it brings back of an earlier answer. */
export function readRequest(rpc: Extract<RpcMessage, { kind: 'request' }>, { session, actor }: From, rooms: Judge): Reading | Promise<Reading> {
  const base: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id: rpc.id, method: rpc.method, envelope: rpc.envelope, body: rpc.body }
  const read = rooms.wire.callOf(rpc.method, rpc.body)
  // Of a method that the revision does not know, nothing is expected: it is answered as unknown.
  if (read.kind === 'problem' && rooms.wire.methodOf(base.revision, 'to_server', 'request', rpc.method) !== undefined) {
    return refuse(base, { code: 'bad_params', detail: read.message, status: session.era === 'modern' ? 400 : 200 }, { session, actor }, rooms)
  }
  const task = rpc.method.startsWith('tasks/') ? session.tasks.get(String(rpc.body['taskId'])) : undefined
  if (task?.request.call !== undefined) return { request: { ...base, call: task.request.call }, earlier: task.approval === undefined ? {} : { approval: task.approval } }
  if (rpc.method === 'subscriptions/listen') return { request: withoutOtherTasks(base, session), earlier: {} }
  if (read.kind !== 'call') return { request: base, earlier: {} }
  const named: Request = { ...base, call: { ...read.call, annotations: {} } }
  if (rpc.body['requestState'] === undefined) return { request: named, earlier: {} }
  return readLeg(named, base, { session, actor }, rooms)
}

async function readLeg(named: Request, base: Request, from: From, rooms: Judge): Promise<Reading> {
  const leg = await takeLeg(named, from.actor, from.session, rooms)
  return 'refused' in leg ? refuse(base, { ...leg.refused, status: 200 }, from, rooms) : leg
}

/** Whether a call fits the definition last seen: as it was approved, and with headers that say what its arguments say. */
export function fitDefinition(request: Request, earlier: Earlier, mirrored: Mirrored, from: From, rooms: Judge): { readonly mirror?: Pending['mirror'] } | Promise<Refused> {
  const { call } = request
  if (earlier.definition !== undefined && earlier.definition !== (call?.definition_sha256 ?? null)) {
    return refuse(request, { code: 'approval_void', detail: 'the tool changed since it was approved: send the request again without requestState', status: 200 }, from, rooms)
  }
  const { era, upstream } = from.session
  if (era !== 'modern' || request.method !== 'tools/call') return {}
  const schema = call?.kind === 'tool' ? rooms.definitions.get(upstream.name, 'tool', call.name)?.inputSchema : undefined
  const mismatch = mirrored.check(schema, call?.arguments ?? {}, request.id)
  if (mismatch?.rpc === undefined) return { mirror: (args) => mirrored.remake(schema, args) }
  return refuse(request, { code: 'header_mismatch', detail: mismatch.rpc.message, status: mismatch.status, rpc: mismatch.rpc.code }, from, rooms)
}

/** The server did not say what its tools are: a policy would judge the call without the annotations it may ask for. */
export function refuseUnlisted(request: Request, { status, message }: { readonly status: number; readonly message: string }, from: From, rooms: Judge): Promise<Refused> {
  return refuse(request, { code: 'definition_unknown', detail: message, status, rpc: serverFault }, from, rooms)
}

const serverFault = -33003 // as any fault of a server
const invalidParams = -32602 // JSON-RPC 2.0 section 5.1

/** Recorded, and told why. */
async function refuse(request: Request, { code, detail, status, rpc = invalidParams }: { code: string; detail: string; status: number; rpc?: number }, from: From, rooms: Judge): Promise<Refused> {
  rooms.meters.rejected(code)
  await recordOwnDenial(request, code, detail, 'answered', { ...from, exchange: rooms.ids.exchange() }, true, rooms)
  return { refused: { envelope: rooms.answers.error(request.id, rpc, detail), status } }
}
