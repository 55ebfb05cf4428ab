import { isoTime } from '../iso-time.ts'
import type { Call, Entry, Finding, JudgedMessage, Message, Question } from '../model.ts'
import type { About, Judge } from './evaluate.ts'

type Growing<T> = { -readonly [K in keyof T]: T[K] }

/**
 * What the policy is asked about a message (the input of `data.sallyport.decision`). Every message has one: its objects are made in
 * one go, for spreading costs as much as all the rest.
 */
export function questionOf(message: Message, findings: readonly Finding[], about: About, rooms: Judge): Question {
  const { session } = about
  const request = message.kind === 'result' || message.kind === 'error' ? message.request : about.request
  const { calls, denied, approvals, bytes_out } = rooms.counters.read(session.counterKey)
  const question: Growing<Question> = {
    actor: about.actor,
    upstream: { name: session.upstream.name, labels: session.upstream.labels },
    session: { id: session.id, started_at: session.startedAt, client: session.client, calls, denied, approvals, bytes_out },
    message: judgedMessage(message, rooms),
    entries: entriesOf(message, session.upstream.name, rooms),
    findings,
    now: isoTime(rooms.clock()),
  }
  if (request !== undefined) question.request = judgedMessage(request, rooms)
  if (about.approval !== undefined) question.approval = about.approval
  return question
}

function judgedMessage(message: Message, rooms: Judge): JudgedMessage {
  const { direction, kind, method, revision } = message
  const call = message.kind === 'request' || message.kind === 'notification' ? message.call : undefined
  const body = rooms.enforce.omitLargeBlobs(message.body)
  return call === undefined ? { direction, kind, method, revision, body } : { direction, kind, method, revision, call, body }
}

const none: readonly Entry[] = []

function entriesOf(message: Message, upstream: string, rooms: Judge): readonly Entry[] {
  const listed = message.kind === 'error' ? undefined : rooms.wire.listOf(message.method, message.body)
  if (listed === undefined) return none
  // A resource that is only named is described as a call of it would be.
  const ownWords = message.kind === 'result'
  return listed.map(({ kind, name, template, value }) => ({ kind, name, template, ...(ownWords ? rooms.definitions.describeEntry(value) : rooms.definitions.describe(upstream, kind, name)) }))
}

/** A call with what the server last said of the tool, prompt or resource. */
export function describedCall(call: Call, upstream: string, rooms: Judge): Call {
  const { kind, name, arguments: args, template } = call
  const { annotations, definition_sha256 } = rooms.definitions.describe(upstream, kind, name)
  return definition_sha256 === undefined ? { ...call, annotations } : { kind, name, arguments: args, template, annotations, definition_sha256 }
}
