import type { Era, JsonObject, RequestId, Revision } from '../model.ts'
import { callOf } from './call.ts'
import { CLIENT_CAPABILITIES, CLIENT_INFO, metaOf, own, PROTOCOL_VERSION } from './envelope.ts'
import { readHead, unsupportedLegacy } from './head.ts'
import type { Head } from './head.ts'
import { isObject, readJson } from './json.ts'
import { allowsBatches, assumedLegacy, eraOf, isRevision, methodOf, modernRevisions, newestLegacy } from './methods.ts'
import { decodeHeader } from './mirror.ts'
import { HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, refuse, UNSUPPORTED_VERSION } from './refusal.ts'
import type { WireRefusal } from './refusal.ts'
import { idKey, readRpc } from './rpc.ts'
import type { RpcMessage } from './rpc.ts'

export type { WireRefusal } from './refusal.ts'
export { readHead, readVisit } from './head.ts'
export { checkParamHeaders, mirrorParams, paramHeaders } from './mirror.ts'

export interface Post {
  /** As Node gives them: names and values by turns, repeated ones included. */
  readonly rawHeaders: readonly string[]
  readonly bytes: Uint8Array
  readonly limits: { readonly request: number; readonly depth: number }
  /** The legacy session that the request names, if there is one. */
  readonly session?: { readonly revision: Revision }
}
export type Door =
  | { readonly ok: true; readonly era: Era; readonly revision: Revision; readonly batch: boolean; readonly messages: readonly RpcMessage[] }
  | { readonly ok: false; readonly refusal: WireRefusal }

type Caller = Extract<RpcMessage, { readonly kind: 'request' | 'notification' }>
type Told = { readonly revision: Revision } | { readonly refusal: WireRefusal }

const MAX_BATCH = 100
/** What `Mcp-Name` mirrors (2026-07-28 basic/transports; the tasks extension's "Routing Headers"). */
const mirroredName: { readonly [method: string]: 'name' | 'uri' | 'taskId' } = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/**
 * What a POST is, told once and from its body: a message that claims a revision in `_meta` is modern, any other is legacy, and the
 * headers may only agree. A broken claim is an error: taken as legacy, it would escape the rules it claims.
 */
export function readPost(post: Post): Door {
  const reading = readHead(post.rawHeaders, 'POST')
  if (!reading.ok) return reading
  const { head } = reading
  const json = readJson(post.bytes, { maxBytes: post.limits.request, maxDepth: post.limits.depth, twins: 'anywhere' })
  if (!json.ok) return no(json.problem.code === 'too_large' ? 413 : 400, PARSE_ERROR, json.problem.message)
  if (Array.isArray(json.value)) return readBatch(json.value as readonly JsonObject[], head, post.session)

  const message = readRpc(json.value)
  if (message.kind === 'problem') return no(400, message.code, message.message, message.id)
  const told = tell(message, head, post.session)
  if ('refusal' in told) return { ok: false, refusal: told.refusal }
  const refusal = halfRead(message, told.revision)
  if (refusal !== undefined) return { ok: false, refusal }
  return { ok: true, era: eraOf(told.revision), revision: told.revision, batch: false, messages: [message] }
}

function readBatch(elements: readonly JsonObject[], head: Head, session: Post['session']): Door {
  if (isModern(head)) return no(400, INVALID_REQUEST, 'expected one message: this revision has no batches')
  const legacy = legacyRevision(head, session)
  if ('refusal' in legacy) return { ok: false, refusal: legacy.refusal }
  const { revision } = legacy
  if (!allowsBatches(revision)) return no(400, INVALID_REQUEST, 'expected one message: this revision has no batches')
  if (elements.length === 0) return no(400, INVALID_REQUEST, 'expected at least one message in a batch')
  if (elements.length > MAX_BATCH) return no(400, INVALID_REQUEST, `expected at most ${MAX_BATCH} messages in a batch`)

  const messages: RpcMessage[] = []
  const ids = new Set<string>()
  for (const element of elements) {
    const message = readRpc(element)
    if (message.kind === 'problem') return no(400, message.code, message.message, message.id)
    if (claimOf(message) !== undefined) return no(400, INVALID_REQUEST, 'expected no message of revision 2026-07-28 or later in a batch')
    if (isCaller(message) && message.method === 'initialize' && elements.length > 1) return no(400, INVALID_REQUEST, 'expected initialize to be alone')
    if (message.kind === 'request') {
      if (ids.has(idKey(message.id))) return no(400, INVALID_REQUEST, 'expected every request of a batch to have its own id')
      ids.add(idKey(message.id))
    }
    const refusal = halfRead(message, revision)
    if (refusal !== undefined) return { ok: false, refusal }
    messages.push(message)
  }
  return { ok: true, era: 'legacy', revision, batch: true, messages }
}

/** The revision of a message, or why it has none. */
function tell(message: RpcMessage, head: Head, session: Post['session']): Told {
  const claim = claimOf(message)
  if (!isCaller(message)) {
    if (claim !== undefined || isModern(head)) return { refusal: refuse(400, INVALID_REQUEST, 'expected a request or a notification: clients of this revision send no answers') }
    return legacyRevision(head, session)
  }
  const id = message.kind === 'request' ? message.id : null
  if (message.method === 'initialize' && (claim === undefined || (isRevision(claim) && eraOf(claim) === 'legacy'))) {
    if (isModern(head)) return { refusal: mismatch('expected no initialize: this revision has no handshake', id) }
    return { revision: greeted(message.body) }
  }
  if (claim !== undefined) return tellModern(message, claim, head, id)
  if (!isModern(head)) return legacyRevision(head, session, id)
  if (message.kind === 'request') return { refusal: refuse(400, INVALID_PARAMS, `expected ${PROTOCOL_VERSION} in params._meta`, { id }) }
  return checkMethod(message, head, id) ?? { revision: head.get('mcp-protocol-version') as Revision }
}

function tellModern(message: Caller, claim: unknown, head: Head, id: RequestId | null): Told {
  const fault = message.kind === 'request' ? metaFault(message.body) : undefined
  if (typeof claim !== 'string') return { refusal: refuse(400, INVALID_PARAMS, `expected ${PROTOCOL_VERSION} in params._meta to be a string`, { id }) }
  if (fault !== undefined) return { refusal: refuse(400, INVALID_PARAMS, fault, { id }) }
  const header = head.get('mcp-protocol-version')
  if (header !== undefined && header !== claim) return { refusal: mismatch(`expected MCP-Protocol-Version to equal ${PROTOCOL_VERSION} in the body`, id) }
  if (!isRevision(claim) || eraOf(claim) !== 'modern') {
    const data = { supported: [...modernRevisions], requested: claim }
    return { refusal: refuse(400, UNSUPPORTED_VERSION, 'Unsupported protocol version', { id, data }) }
  }
  // The revision defines these headers for requests; a notification may go without.
  if (message.kind === 'request' && header === undefined) return { refusal: mismatch('expected the header MCP-Protocol-Version', id) }
  return checkMethod(message, head, id) ?? { revision: claim }
}

function checkMethod(message: Caller, head: Head, id: RequestId | null): { readonly refusal: WireRefusal } | undefined {
  const method = head.get('mcp-method')
  if (method === undefined && message.kind === 'request') return { refusal: mismatch('expected the header Mcp-Method', id) }
  if (method !== undefined && method !== message.method) return { refusal: mismatch('expected Mcp-Method to equal method in the body', id) }
  const member = Object.hasOwn(mirroredName, message.method) ? mirroredName[message.method] : undefined
  if (member === undefined) return undefined
  const name = head.get('mcp-name')
  const inBody = own(message.body, member)
  if (name === undefined && message.kind === 'request' && inBody !== undefined) return { refusal: mismatch('expected the header Mcp-Name', id) }
  if (name === undefined) return undefined
  const decoded = decodeHeader(name)
  if (decoded !== undefined && decoded === inBody) return undefined
  return { refusal: mismatch(`expected Mcp-Name to equal params.${member} in the body`, id) }
}

/** 2026-07-28 basic/index, "_meta": these are required on every request; who the client is may be left out. */
function metaFault(body: JsonObject): string | undefined {
  const meta = metaOf(body)
  if (!isObject(own(meta, CLIENT_CAPABILITIES))) return `expected ${CLIENT_CAPABILITIES} in params._meta to be an object`
  const client = own(meta, CLIENT_INFO)
  if (client === undefined) return undefined
  if (isObject(client) && typeof client['name'] === 'string' && typeof client['version'] === 'string') return undefined
  return `expected ${CLIENT_INFO} in params._meta to have a name and a version, both strings`
}

function legacyRevision(head: Head, session: Post['session'], id: RequestId | null = null): Told {
  const header = head.get('mcp-protocol-version')
  if (header !== undefined && (!isRevision(header) || eraOf(header) !== 'legacy')) return { refusal: unsupportedLegacy(id) }
  return { revision: session?.revision ?? (header as Revision | undefined) ?? assumedLegacy }
}

/** The revision an `initialize` asks for, else the newest that a server could answer with. */
function greeted(body: JsonObject): Revision {
  const asked = own(body, 'protocolVersion')
  return isRevision(asked) && eraOf(asked) === 'legacy' ? asked : newestLegacy
}

/** A call whose name or arguments are not what they must be reaches no policy: it would be judged by half of what it says. */
function halfRead(message: RpcMessage, revision: Revision): WireRefusal | undefined {
  if (!isCaller(message) || methodOf(revision, 'to_server', message.kind, message.method) === undefined) return undefined
  const read = callOf(message.method, message.body)
  return read.kind === 'problem' ? refuse(400, INVALID_PARAMS, read.message, { id: message.kind === 'request' ? message.id : null }) : undefined
}

function claimOf(message: RpcMessage): unknown {
  return own(metaOf(message.body), PROTOCOL_VERSION)
}

function isModern(head: Head): boolean {
  const header = head.get('mcp-protocol-version')
  return isRevision(header) && eraOf(header) === 'modern'
}

function isCaller(message: RpcMessage): message is Caller {
  return message.kind === 'request' || message.kind === 'notification'
}

function mismatch(message: string, id: RequestId | null): WireRefusal {
  return refuse(400, HEADER_MISMATCH, `Header mismatch: ${message}`, { id })
}

function no(status: number, code: number, message: string, id: RequestId | null = null): Door {
  return { ok: false, refusal: refuse(status, code, message, { id }) }
}
