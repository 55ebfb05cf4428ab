import { isObject } from '../exact-json.ts'
import type { ErrorAnswer, JsonObject, Notification, Result } from '../model.ts'
import type { About, Judge, Judged } from './evaluate.ts'
import { passMessage, withEnvelope } from './pipeline.ts'
import type { ClientSession } from './session.ts'

type Bearer = Result | ErrorAnswer | Notification
export type Unfolded<M extends Bearer> = { readonly kind: 'message'; readonly message: M } | { readonly kind: 'refused'; readonly judged: Judged }

/**
 * The result of a task is the result of the call that made it, and is judged as that before the message that brings it: what a
 * policy hides in a call's answer is not to be had by way of a task. Any other message is left as it is.
 */
export async function unfoldTask<M extends Bearer>(message: M, about: About, session: ClientSession, rooms: Judge): Promise<Unfolded<M>> {
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
  const { body } = passage.evaluated.message
  return { kind: 'message', message: body === place.result ? message : withEnvelope(message, place.put(body)) }
}

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
