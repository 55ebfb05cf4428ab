import type { ErrorAnswer, GrantedApproval, Json, JsonObject, Request, Result } from '../model.ts'
import type { Judge } from './evaluate.ts'
import { withEnvelope } from './pipeline.ts'
import type { ClientSession, Pending } from './session.ts'

/** What an approved call waits for: the server asked for input, and the call goes on when the client sends it again with that. */
export interface Leg {
  readonly request: Request
  readonly approval: GrantedApproval
  /** The server's own `requestState`. */
  readonly state: Json | undefined
}

const mostLegs = 100
/** What differs between the legs of one call (MCP 2026-07-28 basic/patterns/mrtr). */
const passing = new Set(['_meta', 'requestState', 'inputResponses'])

/**
 * One approval covers a call to its final result: where the server asks for input, the client is given a state of the gateway's own,
 * which says so once. Nothing but a handle leaves the gateway, so nothing can be forged, and a state used twice covers nothing.
 */
export function keepLeg(message: Result | ErrorAnswer, owner: Pending, session: ClientSession, rooms: Judge): Result | ErrorAnswer {
  const { approval, request } = owner
  if (message.kind !== 'result' || approval === undefined || message.body['resultType'] !== 'input_required') return message
  const handle = rooms.ids.secret()
  session.legs.set(handle, { request, approval, state: message.body['requestState'] })
  for (const oldest of session.legs.keys()) if (session.legs.size > mostLegs) session.legs.delete(oldest)
  return withEnvelope(message, { ...message.envelope, result: { ...message.body, requestState: handle } })
}

/** The next leg of an approved call, with the server's state back in its place; any other request as it is. */
export function takeLeg(request: Request, session: ClientSession, rooms: Judge): { readonly request: Request; readonly approval?: GrantedApproval } {
  const handle = request.body['requestState']
  const leg = typeof handle === 'string' ? session.legs.get(handle) : undefined
  if (leg === undefined || typeof handle !== 'string') return { request }
  session.legs.delete(handle)
  const { requestState: _own, ...rest } = request.body
  const params: JsonObject = leg.state === undefined ? rest : { ...rest, requestState: leg.state }
  const restored = withEnvelope(request, { ...request.envelope, params })
  return isSameCall(request, leg, session, rooms) ? { request: restored, approval: leg.approval } : { request: restored }
}

function isSameCall(request: Request, leg: Leg, session: ClientSession, rooms: Judge): boolean {
  const { call } = leg.request
  const definition = call === undefined ? undefined : rooms.definitions.get(session.upstream.name, call.kind, call.name)?.definition_sha256
  return request.method === leg.request.method && definition === call?.definition_sha256 && identityOf(request, rooms) === identityOf(leg.request, rooms)
}

const identityOf = ({ body }: Request, rooms: Judge): string => rooms.wire.print(Object.fromEntries(Object.entries(body).filter(([name]) => !passing.has(name))))
