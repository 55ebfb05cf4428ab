import { isObject } from '../exact-json.ts'
import type { JsonObject, RequestId, Revision } from '../model.ts'
import { CLIENT_CAPABILITIES, CLIENT_INFO, metaOf, own, PROTOCOL_VERSION } from './envelope.ts'
import { unsupportedLegacy } from './head.ts'
import type { Head } from './head.ts'
import { assumedLegacy, eraOf, isRevision, modernRevisions, newestLegacy } from './methods.ts'
import { decodeHeader } from './mirror.ts'
import { HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, refuse, UNSUPPORTED_VERSION } from './refusal.ts'
import type { WireRefusal } from './refusal.ts'
import type { RpcMessage } from './rpc.ts'

export type Caller = Extract<RpcMessage, { readonly kind: 'request' | 'notification' }>
export type Told = { readonly revision: Revision } | { readonly refusal: WireRefusal }
type Session = { readonly revision: Revision } | undefined

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
 * The revision of a message, or why it has none. The body decides: a message that claims a revision in `_meta` is modern, any
 * other is legacy, and the headers may only agree. A broken claim is an error: taken as legacy, it would escape the rules it claims.
 */
export function revisionOf(message: RpcMessage, head: Head, session: Session): Told {
  const claim = claimOf(message)
  if (!isCaller(message)) {
    return claim === undefined && !isModern(head)
      ? legacyRevision(head, session)
      : { refusal: refuse(400, INVALID_REQUEST, 'expected a request or a notification: clients of this revision send no answers') }
  }
  const id = message.kind === 'request' ? message.id : null
  if (message.method === 'initialize' && (claim === undefined || (isRevision(claim) && eraOf(claim) === 'legacy'))) {
    return isModern(head)
      ? { refusal: mismatch('expected no initialize: this revision has no handshake', id) }
      : { revision: greeted(message.body) }
  }
  if (claim !== undefined) return modernRevision(message, claim, head, id)
  if (!isModern(head)) return legacyRevision(head, session, id)
  if (message.kind === 'request') return { refusal: refuse(400, INVALID_PARAMS, `expected ${PROTOCOL_VERSION} in params._meta`, { id }) }
  return checkMethod(message, head, id) ?? { revision: head.get('mcp-protocol-version') as Revision } // isModern has told that it is one
}

/** The header, if it names a legacy revision at all, only confirms what a session has agreed on. */
export function legacyRevision(head: Head, session: Session, id: RequestId | null = null): Told {
  const header = head.get('mcp-protocol-version')
  if (header === undefined) return { revision: session?.revision ?? assumedLegacy }
  if (!isRevision(header) || eraOf(header) !== 'legacy') return { refusal: unsupportedLegacy(id) }
  return { revision: session?.revision ?? header }
}

/** What a message says of its revision, right or wrong; undefined if it says nothing. */
export function claimOf(message: RpcMessage): unknown {
  return own(metaOf(message.body), PROTOCOL_VERSION)
}

export function isModern(head: Head): boolean {
  const header = head.get('mcp-protocol-version')
  return isRevision(header) && eraOf(header) === 'modern'
}

export function isCaller(message: RpcMessage): message is Caller {
  return message.kind === 'request' || message.kind === 'notification'
}

function modernRevision(message: Caller, claim: unknown, head: Head, id: RequestId | null): Told {
  const fault = message.kind === 'request' ? metaFault(message.body) : undefined
  if (typeof claim !== 'string') return { refusal: refuse(400, INVALID_PARAMS, `expected ${PROTOCOL_VERSION} to be a string`, { id }) }
  if (fault !== undefined) return { refusal: refuse(400, INVALID_PARAMS, fault, { id }) }
  const header = head.get('mcp-protocol-version')
  if (header !== undefined && header !== claim) {
    return { refusal: mismatch(`expected MCP-Protocol-Version to equal ${PROTOCOL_VERSION} in the body`, id) }
  }
  if (!isRevision(claim) || eraOf(claim) !== 'modern') {
    const data = { supported: [...modernRevisions], requested: claim }
    return { refusal: refuse(400, UNSUPPORTED_VERSION, 'Unsupported protocol version', { id, data }) }
  }
  // The revision defines these headers for requests; a notification may go without.
  if (message.kind === 'request' && header === undefined) return { refusal: mismatch('expected the header MCP-Protocol-Version', id) }
  return checkMethod(message, head, id) ?? { revision: claim }
}

/** 2026-07-28 basic/transports, "Server Validation". */
function checkMethod(message: Caller, head: Head, id: RequestId | null): { readonly refusal: WireRefusal } | undefined {
  const required = message.kind === 'request'
  const method = head.get('mcp-method')
  if (method === undefined && required) return { refusal: mismatch('expected the header Mcp-Method', id) }
  if (method !== undefined && method !== message.method) return { refusal: mismatch('expected Mcp-Method to equal method in the body', id) }
  const member = Object.hasOwn(mirroredName, message.method) ? mirroredName[message.method] : undefined
  if (member === undefined) return undefined

  const name = head.get('mcp-name')
  const inBody = own(message.body, member)
  if (name === undefined) return required && inBody !== undefined ? { refusal: mismatch('expected the header Mcp-Name', id) } : undefined
  const decoded = decodeHeader(name)
  if (decoded !== undefined && decoded === inBody) return undefined
  return { refusal: mismatch(`expected Mcp-Name to equal params.${member} in the body`, id) }
}

/** 2026-07-28 basic/index, "_meta": required on every request; who the client is may be left out. */
function metaFault(body: JsonObject): string | undefined {
  const meta = metaOf(body)
  if (!isObject(own(meta, CLIENT_CAPABILITIES))) return `expected ${CLIENT_CAPABILITIES} in params._meta to be an object`
  const client = own(meta, CLIENT_INFO)
  if (client === undefined) return undefined
  if (isObject(client) && typeof client['name'] === 'string' && typeof client['version'] === 'string') return undefined
  return `expected ${CLIENT_INFO} in params._meta to have a name and a version, both strings`
}

/** The revision an `initialize` asks for, else the newest that a server could answer with. */
function greeted(body: JsonObject): Revision {
  const asked = own(body, 'protocolVersion')
  return isRevision(asked) && eraOf(asked) === 'legacy' ? asked : newestLegacy
}

function mismatch(message: string, id: RequestId | null): WireRefusal {
  return refuse(400, HEADER_MISMATCH, `Header mismatch: ${message}`, { id })
}
