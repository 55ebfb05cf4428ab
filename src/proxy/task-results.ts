import { isObject } from '../exact-json.ts'
import type { BundleDigest, ErrorAnswer, JsonObject, Notification, Result } from '../model.ts'
import type { About, Judge, Judged } from './evaluate.ts'
import { passMessage, withEnvelope, type PassOptions, type Passage } from './pipeline.ts'
import type { ClientSession, Pending } from './session.ts'

type Bearer = Result | ErrorAnswer | Notification
/** `bundle` is the one that judged what was unfolded. */
type Unfolded<M extends Bearer> = { readonly kind: 'message'; readonly message: M; readonly bundle?: BundleDigest } | { readonly kind: 'refused'; readonly judged: Judged }

/**
 * The result of a task is the result of the call that made it, and is judged as that before the message that brings it: what a
 * policy hides in a call's answer is not to be had by way of a task. Any other message is left as it is.
 */
async function unfoldTask<M extends Bearer>(message: M, about: About, session: ClientSession, rooms: Judge): Promise<Unfolded<M>> {
  const place = placeOf(message)
  const task = place === undefined ? undefined : session.tasks.get(place.taskId)
  if (place === undefined || task === undefined) return { kind: 'message', message }
  const { request, approval } = task
  const inner: Result = {
    direction: 'to_client', revision: message.revision, kind: 'result', id: request.id, method: request.method, request,
    envelope: { jsonrpc: '2.0', id: request.id, result: place.result }, body: place.result,
  }
  const passage = await passMessage(inner, { ...about, approval }, { closes: false }, rooms)
  if (passage.kind !== 'forward') return { kind: 'refused', judged: passage.judged }
  const { message: { body }, bundle } = passage.evaluated
  return { kind: 'message', bundle, message: body === place.result ? message : withEnvelope(message, place.put(body)) }
}

/** The way of a message that may bring the result of a task: what it brings and what brings it are judged by the same bundle. */
export const passUnfolded = <M extends Bearer>(message: M, about: About, options: PassOptions, session: ClientSession, rooms: Judge): Unfolding<M> =>
  session.tasks.size === 0 ? passMessage(message, about, options, rooms) : passWithTask(message, about, options, session, rooms)

type Unfolding<M extends Bearer> = Promise<Passage<M> | { readonly kind: 'refused'; readonly judged: Judged }>

async function passWithTask<M extends Bearer>(message: M, about: About, options: PassOptions, session: ClientSession, rooms: Judge): Unfolding<M> {
  for (;;) {
    const unfolded = await unfoldTask(message, about, session, rooms)
    if (unfolded.kind === 'refused') return unfolded
    const passage = await passMessage(unfolded.message, about, options, rooms)
    if (passage.kind !== 'forward' || unfolded.bundle === undefined || unfolded.bundle === passage.evaluated.bundle) return passage
  }
}

/** News of a task that no call of the session made, where they are not of the call on whose stream they come: they are somebody else's. */
export const isForeignNews = ({ method, call, body }: Notification, owner: Pending | undefined): boolean =>
  method.startsWith('notifications/tasks') && call === undefined && (owner?.request.method === 'subscriptions/listen' || isObject(body['result']))

interface Place {
  readonly taskId: string
  readonly result: JsonObject
  /** The same message with another result in its place. */
  readonly put: (result: JsonObject) => JsonObject
}

function placeOf(message: Bearer): Place | undefined {
  const { envelope, body } = message
  if (message.kind === 'result' && message.method === 'tasks/result') {
    const { taskId } = message.request.body
    return typeof taskId === 'string' ? { taskId, result: body, put: (result) => ({ ...envelope, result }) } : undefined
  }
  const part = message.kind === 'result' && message.method === 'tasks/get' ? 'result' : message.kind === 'notification' && message.method === 'notifications/tasks' ? 'params' : undefined
  const { taskId, result: inner } = body
  if (part === undefined || typeof taskId !== 'string' || !isObject(inner)) return undefined
  return { taskId, result: inner, put: (result) => ({ ...envelope, [part]: { ...body, result } }) }
}
