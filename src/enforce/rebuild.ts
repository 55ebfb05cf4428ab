import { isObject } from '../exact-json.ts'
import type { JsonObject, Message } from '../model.ts'

/** The member of the envelope that holds the body. */
export const bodyMember = (message: Message): 'params' | 'result' | 'error' =>
  message.kind === 'result' ? 'result' : message.kind === 'error' ? 'error' : 'params'

/** The message with another body: the same ids, and the envelope's members in their order. */
export function withBody(message: Message, body: JsonObject): Message {
  const member = bodyMember(message)
  const envelope: JsonObject = Object.hasOwn(message.envelope, member) ? { ...message.envelope, [member]: body } : message.envelope
  if (message.kind === 'request' && message.call !== undefined && isObject(body['arguments'])) {
    return { ...message, envelope, body, call: { ...message.call, arguments: body['arguments'] } }
  }
  return { ...message, envelope, body }
}
