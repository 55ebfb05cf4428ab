import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, RequestId } from '../model.ts'
import { isId } from './id.ts'

const PREFIX = 'io.modelcontextprotocol/'
export const PROTOCOL_VERSION = `${PREFIX}protocolVersion`
export const CLIENT_CAPABILITIES = `${PREFIX}clientCapabilities`
export const CLIENT_INFO = `${PREFIX}clientInfo`
const SUBSCRIPTION_ID = `${PREFIX}subscriptionId`

export function withId(envelope: JsonObject, id: RequestId): JsonObject {
  return { ...envelope, id }
}

/** The token of a request's `_meta`, or of a progress notification, replaced in its place. */
export function withProgressToken(envelope: JsonObject, token: RequestId): JsonObject {
  const params = memberObject(envelope, 'params')
  if (envelope['method'] === 'notifications/progress') return replace(envelope, 'params', replace(params, 'progressToken', token))
  return withMeta(envelope, 'params', 'progressToken', token)
}

/** The id of the request that a `notifications/cancelled` names. */
export function withRequestId(envelope: JsonObject, id: RequestId): JsonObject {
  return replace(envelope, 'params', replace(memberObject(envelope, 'params'), 'requestId', id))
}

export function withSubscriptionId(envelope: JsonObject, id: RequestId): JsonObject {
  return withMeta(envelope, 'result' in envelope ? 'result' : 'params', SUBSCRIPTION_ID, id)
}

export function progressTokenOf(body: JsonObject): RequestId | undefined {
  return idMember(metaOf(body), 'progressToken')
}

export function subscriptionIdOf(body: JsonObject): RequestId | undefined {
  return idMember(metaOf(body), SUBSCRIPTION_ID)
}

export function metaOf(body: JsonObject): JsonObject {
  const meta = own(body, '_meta')
  return isObject(meta) ? meta : {}
}

/** Only what the object itself has: names come from outside, and `constructor` is one. */
export function own(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** A copy with one member replaced where it stands, or added at the end. */
export function replace(object: JsonObject, name: string, value: Json): JsonObject {
  return { ...object, [name]: value }
}

function withMeta(envelope: JsonObject, part: 'params' | 'result', name: string, value: Json): JsonObject {
  const body = memberObject(envelope, part)
  return replace(envelope, part, replace(body, '_meta', replace(metaOf(body), name, value)))
}

function memberObject(object: JsonObject, name: string): JsonObject {
  const member = own(object, name)
  return isObject(member) ? member : {}
}

function idMember(object: JsonObject, name: string): RequestId | undefined {
  const value = own(object, name)
  return isId(value) ? value : undefined
}
