import { idKey, type Era, type Json, type RequestId, type Revision } from '../model.ts'
import { callOf } from './call.ts'
import { claimOf, isCaller, isModern, legacyRevision, revisionOf } from './era.ts'
import type { Head } from './head.ts'
import { readJson } from './json.ts'
import { allowsBatches, eraOf, methodOf } from './methods.ts'
import { INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, refuse, TRANSPORT } from './refusal.ts'
import type { WireRefusal } from './refusal.ts'
import { readRpc } from './rpc.ts'
import type { RpcMessage } from './rpc.ts'

export type { WireRefusal } from './refusal.ts'
export { readHead, readVisit } from './head.ts'
export { checkParamHeaders, mirrorParams, paramHeaders } from './mirror.ts'

export interface Post {
  readonly head: Head
  readonly bytes: Uint8Array
  readonly limits: { readonly request: number; readonly depth: number }
  /** The legacy session that the request names, if there is one. */
  readonly session?: { readonly revision: Revision } | undefined
}
export type Door =
  | { readonly ok: true; readonly era: Era; readonly revision: Revision; readonly batch: boolean; readonly messages: readonly RpcMessage[] }
  | { readonly ok: false; readonly refusal: WireRefusal }

const MAX_BATCH = 100

/** What a POST with a sound head is, told once. It never throws: whatever is sent is a message of one revision, or a refusal. */
export function readPost(post: Post): Door {
  const json = readJson(post.bytes, { maxBytes: post.limits.request, maxDepth: post.limits.depth, twins: 'anywhere' })
  if (!json.ok) {
    const { code, message } = json.problem
    return code === 'too_large' ? no(413, TRANSPORT, message) : no(400, PARSE_ERROR, message)
  }
  if (Array.isArray(json.value)) return readBatch(json.value as readonly Json[], post.head, post.session)

  const message = readRpc(json.value)
  if (message.kind === 'problem') return no(400, message.code, message.message, message.id)
  const told = revisionOf(message, post.head, post.session)
  if ('refusal' in told) return { ok: false, refusal: told.refusal }
  const { revision } = told
  return halfRead(message, revision) ?? { ok: true, era: eraOf(revision), revision, batch: false, messages: [message] }
}

/** 2025-03-26 basic/index, "Batching": one message that is refused refuses all, since none of them was acted on yet. */
function readBatch(elements: readonly Json[], head: Head, session: Post['session']): Door {
  const told = isModern(head) ? undefined : legacyRevision(head, session)
  if (told !== undefined && 'refusal' in told) return { ok: false, refusal: told.refusal }
  if (told === undefined || !allowsBatches(told.revision)) {
    return no(400, INVALID_REQUEST, 'expected one message: this revision has no batches')
  }
  if (elements.length === 0) return no(400, INVALID_REQUEST, 'expected at least one message in a batch')
  if (elements.length > MAX_BATCH) return no(400, INVALID_REQUEST, `expected at most ${MAX_BATCH} messages in a batch`)

  const messages: RpcMessage[] = []
  const ids = new Set<string>()
  for (const element of elements) {
    const message = readRpc(element)
    if (message.kind === 'problem') return no(400, message.code, message.message, message.id)
    if (claimOf(message) !== undefined) return no(400, INVALID_REQUEST, 'expected no message of 2026-07-28 or later in a batch')
    if (isCaller(message) && message.method === 'initialize' && elements.length > 1) {
      return no(400, INVALID_REQUEST, 'expected initialize to be alone')
    }
    if (message.kind === 'request') {
      if (ids.has(idKey(message.id))) return no(400, INVALID_REQUEST, 'expected every request of a batch to have its own id')
      ids.add(idKey(message.id))
    }
    const refused = halfRead(message, told.revision)
    if (refused !== undefined) return refused
    messages.push(message)
  }
  return { ok: true, era: 'legacy', revision: told.revision, batch: true, messages }
}

/** A call whose name or arguments are not what they must be reaches no policy: it would be judged by half of what it says. */
function halfRead(message: RpcMessage, revision: Revision): Door | undefined {
  if (!isCaller(message) || methodOf(revision, 'to_server', message.kind, message.method) === undefined) return undefined
  const read = callOf(message.method, message.body)
  return read.kind === 'problem' ? no(400, INVALID_PARAMS, read.message, message.kind === 'request' ? message.id : null) : undefined
}

function no(status: number, code: number, message: string, id: RequestId | null = null): Door {
  return { ok: false, refusal: refuse(status, code, message, { id }) }
}
