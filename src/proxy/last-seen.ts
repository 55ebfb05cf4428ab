import type { Message } from '../model.ts'
import type { Judge } from './evaluate.ts'

const using = new Set(['tools/call', 'prompts/get', 'resources/read', 'resources/subscribe', 'completion/complete'])
/** Requests about tasks are not among them: they are judged as the call that made the task. */
export const usesDefinition = (method: string): boolean => using.has(method)

/**
 * A request with what its server last said of the tool, prompt or resource; the very same where that is what it has. A server may say
 * something else at any time: of a call that waits for its turn, its reviewers, its record or a connection, what was said before holds no more.
 */
export function asLastSeen<M extends Message>(message: M, upstream: string, { definitions }: Judge): M {
  if (message.kind !== 'request' || message.direction !== 'to_server' || message.call === undefined || !usesDefinition(message.method)) return message
  const { call } = message
  const now = definitions.get(upstream, call.kind, call.name)
  if (now === undefined || now.definition_sha256 === call.definition_sha256) return message
  const { annotations, definition_sha256 } = now
  return { ...message, call: { ...call, annotations, definition_sha256 } }
}
