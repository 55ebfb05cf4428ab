import { isObject } from '../exact-json.ts'
import type { Entry, Json, JsonObject } from '../model.ts'
import { own, replace } from './envelope.ts'
import type { Listing } from './facts.ts'
import { knownNames, lookAlike } from './fold.ts'
import { hidesUri, shownUri } from './uri.ts'

export interface Listed {
  readonly kind: Entry['kind']
  readonly name: string
  readonly template: boolean
  /** The entry as the server sent it; `{uri}` for a subscription. */
  readonly value: JsonObject
}

interface ListShape {
  readonly member: Listing
  readonly kind: Entry['kind']
  readonly nameMember: 'name' | 'uri' | 'uriTemplate'
}

const shapes: { readonly [method: string]: ListShape } = {
  'tools/list': { member: 'tools', kind: 'tool', nameMember: 'name' },
  'prompts/list': { member: 'prompts', kind: 'prompt', nameMember: 'name' },
  'resources/list': { member: 'resources', kind: 'resource', nameMember: 'uri' },
  'resources/templates/list': { member: 'resourceTemplates', kind: 'resource', nameMember: 'uriTemplate' },
}
const everyShape = Object.values(shapes)
const entryNames = knownNames(['name', 'uri', 'uriTemplate', 'description', 'annotations', 'inputSchema', 'outputSchema', 'arguments'])
const subscribing = new Set(['subscriptions/listen', 'notifications/subscriptions/acknowledged'])

/** The entries of a list answer, or the resources that a subscription names; undefined for what has neither. */
export function listOf(method: string, body: JsonObject): readonly Listed[] | undefined {
  if (subscribing.has(method)) {
    return subscribed(body)?.map((uri) => ({ kind: 'resource', name: uri, template: false, value: { uri } }))
  }
  const shape = shapeOf(method)
  const entries = shape === undefined ? undefined : own(body, shape.member)
  if (shape === undefined || !Array.isArray(entries)) return undefined
  const listed: Listed[] = []
  for (const value of entries as readonly Json[]) {
    const name = isObject(value) ? own(value, shape.nameMember) : undefined
    // readRpc refuses such a result (see listFault); in a request, it is no list at all.
    if (!isObject(value) || typeof name !== 'string') return undefined
    listed.push({ kind: shape.kind, name, template: shape.nameMember === 'uriTemplate', value })
  }
  return listed
}

/** The same message with only the entries at these indices; the cursor and all else stay, even beside an empty list. */
export function keepListed(envelope: JsonObject, method: string, listed: readonly number[]): JsonObject {
  const part = 'result' in envelope ? 'result' : 'params'
  const body = envelope[part]
  if (!isObject(body)) return envelope
  const kept = new Set(listed)
  const keep = (entries: Json | undefined): readonly Json[] => (Array.isArray(entries) ? entries.filter((_, index) => kept.has(index)) : [])
  if (subscribing.has(method)) {
    const notifications = body['notifications']
    if (!isObject(notifications) || notifications['resourceSubscriptions'] === undefined) return envelope
    const fewer = replace(notifications, 'resourceSubscriptions', keep(notifications['resourceSubscriptions']))
    return replace(envelope, part, replace(body, 'notifications', fewer))
  }
  const shape = shapeOf(method)
  return shape === undefined ? envelope : replace(envelope, part, replace(body, shape.member, keep(body[shape.member])))
}

/**
 * Policies differ from caller to caller, so no answer is anybody else's (2026-07-28 server/utilities/caching); one that was filtered
 * or masked is not kept either, since the next policy may show more.
 */
export function privateCaching(envelope: JsonObject, wasChanged: boolean): JsonObject {
  const result = envelope['result']
  if (!isObject(result)) return envelope
  if (!wasChanged) return result['cacheScope'] === 'public' ? replace(envelope, 'result', replace(result, 'cacheScope', 'private')) : envelope
  return replace(envelope, 'result', { ...result, cacheScope: 'private', ttlMs: 0 })
}

/**
 * What is wrong with the lists in a result, whichever request it answers: an entry that could not be told by its name would be
 * listed without having been judged.
 */
export function listFault(body: JsonObject): string | undefined {
  for (const { member, nameMember } of everyShape) {
    const entries = own(body, member)
    if (entries === undefined) continue
    if (!Array.isArray(entries)) return `expected result.${member} to be an array`
    for (const entry of entries as readonly Json[]) {
      if (!isObject(entry) || typeof entry[nameMember] !== 'string') {
        return `expected every entry of result.${member} to have a ${nameMember}, a string`
      }
      const alike = lookAlike(entry, entryNames)
      if (alike !== undefined) return `expected ${alike} in every entry of result.${member} to be spelt exactly so`
    }
  }
  return undefined
}

/** What is wrong with the filter of a subscription. */
export function subscriptionFault(body: JsonObject): string | undefined {
  const notifications = own(body, 'notifications')
  if (notifications === undefined) return undefined
  if (!isObject(notifications)) return 'expected params.notifications to be an object'
  const alike = lookAlike(notifications, filterNames)
  if (alike !== undefined) return `expected ${alike} in params.notifications to be spelt exactly so`
  const uris = own(notifications, 'resourceSubscriptions')
  if (uris === undefined) return undefined
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === 'string')) return 'expected params.notifications.resourceSubscriptions to be an array of strings'
  return uris.some(hidesUri) ? `expected every one of params.notifications.resourceSubscriptions to be ${shownUri}` : undefined
}
const filterNames = knownNames(['resourceSubscriptions', 'taskIds'])

function subscribed(body: JsonObject): readonly string[] | undefined {
  const notifications = own(body, 'notifications')
  const uris = isObject(notifications) ? own(notifications, 'resourceSubscriptions') : undefined
  return Array.isArray(uris) && uris.every((uri) => typeof uri === 'string') ? uris : undefined
}

function shapeOf(method: string): ListShape | undefined {
  return Object.hasOwn(shapes, method) ? shapes[method] : undefined
}
