import { msOf } from '../iso-time.ts'
import type { Actor, Call, Decision, Entry, Exchange, Json, JsonObject, JudgedMessage, Question, Revision, SessionId } from '../model.ts'
import type { EmptyRequest, NamedCall } from './basis.ts'
import { changedPlaces } from './changed-places.ts'
import { createFactPrinter, type FactPrinter } from './facts.ts'
import { createReads, type Reads } from './reads.ts'
import { createRecordedRequests, isEmpty, type RecordedRequests } from './recorded-requests.ts'

export interface BasisParts {
  /** JSON Pointers of what the rules of a bundle read; undefined where nobody can tell: then everything is kept. */
  readonly reads: (bundle: Decision['bundle']) => readonly string[] | undefined
  /** Whether no detector finds anything in it. */
  readonly isClean: (value: Json) => boolean
  /** What a body names by itself. */
  readonly callOf: (method: string, body: JsonObject) => NamedCall | undefined
  readonly listOf: (method: string, body: JsonObject) => readonly Pick<Entry, 'kind' | 'name' | 'template'>[] | undefined
}
/** What the recorder keeps of the message. */
export interface KeptMessage {
  readonly envelope: JsonObject
  readonly method: string
  /** False where the paths of findings had to be changed. */
  readonly findingsAsTheyWere: boolean
  /** What the policy said, as it may be kept, where the gateway did otherwise. */
  readonly verdict: Decision | undefined
}
export interface BasisMaker {
  opened(session: { readonly id: SessionId; readonly actor: Actor; readonly revision: Revision | 'none' }, isClientKept: boolean): void
  ended(id: SessionId): void
  /** Null where no policy was asked. */
  of(exchange: Exchange, kept: KeptMessage): string | null
}

interface Opened {
  readonly actor: Actor
  readonly revision: Revision | 'none'
  readonly isClientKept: boolean
}
const nothingMasked: readonly string[] = []

export function createBasisMaker(parts: BasisParts): BasisMaker {
  const { isClean, listOf } = parts
  const sessions = new Map<SessionId, Opened>()
  const requests = createRecordedRequests()
  const readsOf = createReads()
  const print = createFactPrinter(isClean)
  const printCall = createCallPrinter(parts, print, requests)

  const printEmpty = ({ direction, method, revision }: JudgedMessage, message: JudgedMessage, lost: string[]): string => {
    if (method !== message.method && !isClean(method)) lost.push('/request/method')
    const kept: EmptyRequest = { direction, ...(method === message.method || lost.includes('/request/method') ? {} : { method }), ...(revision === message.revision ? {} : { revision }) }
    return `,"request":${JSON.stringify(kept)}`
  }
  const printRequest = (request: JudgedMessage, message: JudgedMessage, exchange: Exchange, reads: Reads, lost: string[]): string => {
    // Messages without params may share one body.
    if (isEmpty(request.body) && request.call === undefined) return printEmpty(request, message, lost)
    const recorded = requests.find(request, exchange)
    const { call } = request
    if (recorded === undefined) {
      lost.push('/request')
      return ',"request":null'
    }
    const isSameCall = call === recorded.call || (call !== undefined && recorded.call !== undefined && call.name === recorded.call.name && call.kind === recorded.call.kind
      && call.annotations === recorded.call.annotations && call.definition_sha256 === recorded.call.definition_sha256)
    const facts = isSameCall || call === undefined ? '' : `,"request_call":{${printCall(call, { method: request.method, body: request.body, at: '/request', session: exchange.session }, reads, lost)}}`
    return `,"request":${recorded.no}${facts}${recorded.asRecorded ? '' : `,"request_masked":${JSON.stringify(recorded.masked)}`}`
  }

  const printEntries = ({ message, entries }: Question, stored: JsonObject, isAsJudged: boolean, reads: Reads, lost: string[]): string => {
    if (entries.length === 0) return ''
    if (!isAsJudged) {
      const listed = listOf(message.method, stored) ?? []
      if (listed.length !== entries.length || entries.some(({ kind, name, template }, at) => listed[at]?.kind !== kind || listed[at].name !== name || listed[at].template !== template)) lost.push('/entries')
    }
    if (!reads.annotations && !reads.definitions) return ''
    return `,"entries":[${entries.map((entry) => `{${print.facts(entry, reads)}}`).join(',')}]`
  }

  const printBasis = (exchange: Exchange, kept: KeptMessage): string | null => {
    const { question, decision, message: { method, kind } } = exchange
    if (question === undefined || !isOfPolicy(exchange.verdict)) return null
    const reads = readsOf(parts.reads(decision.bundle))
    const opened = sessions.get(exchange.session)
    const { message, request, session, upstream, approval } = question
    const lost: string[] = []
    const stored = kept.envelope[kind === 'result' ? 'result' : kind === 'error' ? 'error' : 'params'] ?? {}
    const masked = stored === message.body ? nothingMasked : changedPlaces(message.body, stored)
    if (kept.method !== method) lost.push('/message/method', '/request/method')
    if (!kept.findingsAsTheyWere) lost.push('/findings')
    if (opened?.isClientKept !== true) lost.push('/session/client')

    let text = `{"now":${exchange.at - msOf(question.now)}`
    if (kind === 'request') text += `,"no":${requests.remember(question, exchange, stored, masked)}`
    const { calls, denied, approvals, bytes_out } = session
    if (calls > 0 || denied > 0 || approvals > 0 || bytes_out > 0) text += `,"counts":[${calls},${denied},${approvals},${bytes_out}]`
    if (message.revision !== opened?.revision) text += `,"revision":${JSON.stringify(message.revision)}`
    text += print.actor(question.actor, opened?.actor, reads)
    text += print.labels(upstream.labels)
    if (message.call !== undefined) {
      const facts = printCall(message.call, { method: message.method, body: message.body, at: '/message', session: exchange.session }, reads, lost)
      text += `,"call":{${facts}}`
    }
    if (request !== undefined) text += printRequest(request, message, exchange, reads, lost)
    text += printEntries(question, stored as JsonObject, masked === nothingMasked, reads, lost) // another shape has no entries
    if (approval !== undefined) text += `,"approval":${JSON.stringify(approval)}`
    if (masked.length > 0) text += `,"masked":${JSON.stringify(masked)}`
    if (lost.length > 0) text += `,"lost":${JSON.stringify(lost)}`
    if (kept.verdict !== undefined) text += `,"verdict":${JSON.stringify(kept.verdict)}`
    return `${text}}`
  }

  return {
    opened: ({ id, actor, revision }, isClientKept) => void sessions.set(id, { actor, revision, isClientKept }),
    ended: (id) => void sessions.delete(id),
    of(exchange, kept) {
      const printed = printBasis(exchange, kept)
      if (exchange.closes) requests.ended(exchange.exchange)
      return printed
    },
  }
}

type CallPrinter = (call: Call, said: { readonly method: string; readonly body: JsonObject; readonly at: string; readonly session: SessionId }, reads: Reads, lost: string[]) => string

/** Of a call: what its body does not say. */
const createCallPrinter = ({ isClean, callOf }: BasisParts, print: FactPrinter, requests: RecordedRequests): CallPrinter => (call, { method, body, at, session }, reads, lost) => {
  const said = callOf(method, body)
  const isSaid = said !== undefined && said.name === call.name && said.kind === call.kind && said.template === call.template
  const hasSaidArguments = isSaid && (said.arguments === call.arguments || changedPlaces(said.arguments, call.arguments).length === 0)
  const parts = [print.facts(call, reads)]
  if (!isSaid) {
    const { kind, name, template } = call
    if (isClean(name)) parts.push(`"named":${JSON.stringify({ kind, name, template })}`)
    else lost.push(`${at}/call`)
  }
  if (!hasSaidArguments && (isSaid || !isEmpty(call.arguments))) {
    const source = requests.withArguments(call.arguments)
    if (source?.session !== session || source.masked.length > 0) lost.push(`${at}/call/arguments`)
    else parts.push(`"arguments_of":${source.no}`)
  }
  return parts.filter((part) => part !== '').join(',')
}

/** Without a bundle, or with one that is too old, the engine denies by itself. */
const isOfPolicy = (verdict: Decision | undefined): boolean => verdict !== undefined && verdict.bundle !== 'none' && verdict.reasons.every(({ rule }) => rule !== 'sallyport/policy_stale')
