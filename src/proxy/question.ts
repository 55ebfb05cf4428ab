import type { Call, Entry, Finding, JudgedMessage, Message, Question, Request } from '../model.ts'
import type { About, Judge } from './evaluate.ts'
import { counterKey } from './session.ts'

/** What the policy is asked about a message (the input of `data.sallyport.decision`). */
export function questionOf(message: Message, findings: readonly Finding[], about: About, rooms: Judge): Question {
  const { session } = about
  const request = message.kind === 'result' || message.kind === 'error' ? message.request : about.request
  const counts = rooms.counters.read(counterKey(session))
  return {
    actor: about.actor,
    upstream: { name: session.upstream.name, labels: session.upstream.labels },
    session: { id: session.id, started_at: new Date(session.startedAt).toISOString(), client: session.client, ...counts },
    message: judgedMessage(message, rooms),
    ...(request === undefined ? {} : { request: judgedMessage(request, rooms) }),
    entries: entriesOf(message, session.upstream.name, rooms),
    findings,
    ...(about.approval === undefined ? {} : { approval: about.approval }),
    now: new Date(rooms.clock()).toISOString(),
  }
}

function judgedMessage(message: Message, rooms: Judge): JudgedMessage {
  const { direction, kind, method, revision } = message
  const call = message.kind === 'request' || message.kind === 'notification' ? message.call : undefined
  return { direction, kind, method, revision, ...(call === undefined ? {} : { call }), body: rooms.enforce.omitLargeBlobs(message.body) }
}

function entriesOf(message: Message, upstream: string, rooms: Judge): readonly Entry[] {
  const listed = message.kind === 'error' ? undefined : rooms.wire.listOf(message.method, message.body)
  // As a call would be described: of two entries with one name, and of a resource that is only named, the definition last seen counts.
  return (listed ?? []).map(({ kind, name, template }) => ({ kind, name, template, ...rooms.definitions.describe(upstream, kind, name) }))
}

/** A call with what the server last said of the tool, prompt or resource. */
export function describedCall(request: Request, upstream: string, rooms: Judge): Call | undefined {
  if (request.call === undefined) return undefined
  return { ...request.call, ...rooms.definitions.describe(upstream, request.call.kind, request.call.name) }
}
