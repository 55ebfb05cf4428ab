import type { Actor, Call, Decision, Entry, Exchange, ExchangeId, Json, JsonObject, JudgedMessage, Question, Revision, SessionId } from '../model.ts'
import { msOf } from '../iso-time.ts'
import { overlap } from '../places.ts'
import type { EmptyRequest, NamedCall } from './basis.ts'
import { changedPlaces } from './changed-places.ts'

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

interface Reads {
  readonly annotations: boolean
  readonly definitions: boolean
  readonly claims: boolean
}
interface Opened {
  readonly actor: Actor
  readonly revision: Revision | 'none'
  readonly isClientKept: boolean
}
/** A request that was recorded, as somebody may still hold it. */
interface Recorded {
  readonly no: number
  readonly session: SessionId
  readonly head: Pick<JudgedMessage, 'direction' | 'method' | 'revision'>
  readonly call: Call | undefined
  readonly masked: readonly string[]
  /** `masked` is what its own basis says. */
  readonly asRecorded: boolean
}

/** The newest request of an exchange that has not ended. */
interface Latest {
  readonly recorded: Recorded
  readonly stored: Json
}
const mostOpen = 5_000

const everything: Reads = { annotations: true, definitions: true, claims: true }
const nothingMasked: readonly string[] = []

export function createBasisMaker({ reads: readsOf, isClean, callOf, listOf }: BasisParts): BasisMaker {
  const sessions = new Map<SessionId, Opened>()
  /** By body, and by arguments. */
  const requests = new WeakMap<JsonObject, Recorded>()
  /** A call that was held goes on as another message than its caller's, with the same content. */
  const latest = new Map<ExchangeId, Latest>()
  const actors = new WeakMap<Actor, { readonly who: string; readonly claims: string }>()
  const clean = new WeakMap<JsonObject, string | undefined>()
  const labelled = new WeakMap<object, string>()
  const compiled = new WeakMap<readonly string[], Reads>()
  let count = 0

  const wants = (bundle: Decision['bundle']): Reads => {
    const paths = readsOf(bundle)
    if (paths === undefined) return everything
    const known = compiled.get(paths)
    if (known !== undefined) return known
    const touches = (...places: readonly string[]) => paths.some((path) => places.some((place) => overlap(path, place)))
    const made = {
      annotations: touches('/message/call/annotations', '/request/call/annotations', '/entries/*/annotations'),
      definitions: touches('/message/call/definition_sha256', '/request/call/definition_sha256', '/entries/*/definition_sha256'),
      claims: touches('/actor/claims'),
    }
    compiled.set(paths, made)
    return made
  }

  /** Undefined where something was detected in it: a server says of its tools what it likes. */
  const printClean = (annotations: JsonObject): string | undefined => {
    if (clean.has(annotations)) return clean.get(annotations)
    const printed = isClean(annotations) ? JSON.stringify(annotations) : undefined
    clean.set(annotations, printed)
    return printed
  }
  const printFacts = ({ annotations, definition_sha256 }: Pick<Call, 'annotations' | 'definition_sha256'>, reads: Reads): string => {
    const shown = reads.annotations ? printClean(annotations) : undefined
    const parts = [...(shown === undefined ? [] : [`"annotations":${shown}`]), ...(reads.definitions ? [`"definition_sha256":${JSON.stringify(definition_sha256 ?? null)}`] : [])]
    return parts.join(',')
  }
  const printActor = (actor: Actor): { readonly who: string; readonly claims: string } => {
    const known = actors.get(actor)
    if (known !== undefined) return known
    const { claims, ...who } = actor as Actor & { readonly claims?: JsonObject }
    const made = { who: JSON.stringify(who), claims: JSON.stringify(claims ?? {}) }
    actors.set(actor, made)
    return made
  }
  const partsOfActor = (actor: Actor, opened: Opened | undefined, reads: Reads): string => {
    if (opened?.actor === actor) return ''
    const now = printActor(actor)
    const then = opened === undefined ? undefined : printActor(opened.actor)
    const claims = now.claims === then?.claims ? '' : `,"claims":${reads.claims ? now.claims : 'null'}`
    return now.who === then?.who ? claims : `,"actor":${now.who}${claims}`
  }

  const printLabels = (labels: Question['upstream']['labels']): string => {
    const known = labelled.get(labels)
    if (known !== undefined) return known
    const made = isEmpty(labels) ? '' : `,"labels":${JSON.stringify(labels)}`
    labelled.set(labels, made)
    return made
  }

  /** Of a call: what its body does not say. */
  const printCall = (call: Call, method: string, body: JsonObject, reads: Reads, lost: string[], at: string, session: SessionId): string => {
    const said = callOf(method, body)
    const isSaid = said !== undefined && said.name === call.name && said.kind === call.kind && said.template === call.template
    const hasSaidArguments = isSaid && (said.arguments === call.arguments || changedPlaces(said.arguments, call.arguments).length === 0)
    const parts = [printFacts(call, reads)]
    if (!isSaid) {
      const { kind, name, template } = call
      if (isClean(name)) parts.push(`"named":${JSON.stringify({ kind, name, template })}`)
      else lost.push(`${at}/call`)
    }
    if (!hasSaidArguments && (isSaid || !isEmpty(call.arguments))) {
      const source = requests.get(call.arguments)
      if (source?.session !== session || source.masked.length > 0) lost.push(`${at}/call/arguments`)
      else parts.push(`"arguments_of":${source.no}`)
    }
    return parts.filter((part) => part !== '').join(',')
  }

  const remember = (question: Question, exchange: Exchange, stored: Json, masked: readonly string[]): number => {
    count += 1
    const no = count
    const { message } = question
    const { call, body, direction, method, revision } = message
    const about = { no, session: exchange.session, head: { direction, method, revision }, call }
    const put = (of: JsonObject, changed: readonly string[], asRecorded: boolean) => {
      const recorded = { ...about, masked: changed, asRecorded }
      if (!isEmpty(of)) requests.set(of, recorded)
      if (asRecorded && message.direction === 'to_server' && !exchange.closes) keepLatest(exchange.exchange, { recorded, stored })
      const args = of['arguments']
      if (typeof args === 'object' && args !== null && !Array.isArray(args)) requests.set(args as JsonObject, { ...about, masked: changed.filter((place) => overlap(place, '/arguments')), asRecorded })
    }
    put(body, masked, true)
    // What goes on to the server may be masked; its answers are judged with that.
    const sent = exchange.message.body
    if (sent !== body) put(sent, changedPlaces(sent, stored), false)
    return no
  }

  const keepLatest = (exchange: ExchangeId, request: Latest): void => {
    latest.set(exchange, request)
    for (const oldest of latest.keys()) {
      if (latest.size <= mostOpen) break
      latest.delete(oldest)
    }
  }
  const isOf = ({ session, head }: Recorded, { direction, method, revision }: JudgedMessage, exchange: Exchange): boolean =>
    session === exchange.session && head.direction === direction && head.method === method && head.revision === revision
  const findRequest = (request: JudgedMessage, exchange: Exchange): Recorded | undefined => {
    const itself = requests.get(request.body)
    if (itself !== undefined && isOf(itself, request, exchange)) return itself
    const like = latest.get(exchange.exchange)
    if (like === undefined || !isOf(like.recorded, request, exchange)) return undefined
    return { ...like.recorded, masked: changedPlaces(request.body, like.stored), asRecorded: false }
  }

  const printEmpty = ({ direction, method, revision }: JudgedMessage, message: JudgedMessage, lost: string[]): string => {
    if (method !== message.method && !isClean(method)) lost.push('/request/method')
    const kept: EmptyRequest = { direction, ...(method === message.method || lost.includes('/request/method') ? {} : { method }), ...(revision === message.revision ? {} : { revision }) }
    return `,"request":${JSON.stringify(kept)}`
  }
  const printRequest = (request: JudgedMessage, message: JudgedMessage, exchange: Exchange, reads: Reads, lost: string[]): string => {
    // Messages without params may share one body.
    if (isEmpty(request.body) && request.call === undefined) return printEmpty(request, message, lost)
    const recorded = findRequest(request, exchange)
    const { call } = request
    if (recorded === undefined) {
      lost.push('/request')
      return ',"request":null'
    }
    const isSameCall = call === recorded.call || (call !== undefined && recorded.call !== undefined && call.name === recorded.call.name && call.kind === recorded.call.kind
      && call.annotations === recorded.call.annotations && call.definition_sha256 === recorded.call.definition_sha256)
    const facts = isSameCall || call === undefined ? '' : `,"request_call":{${printCall(call, request.method, request.body, reads, lost, '/request', exchange.session)}}`
    return `,"request":${recorded.no}${facts}${recorded.asRecorded ? '' : `,"request_masked":${JSON.stringify(recorded.masked)}`}`
  }

  const printEntries = ({ message, entries }: Question, stored: JsonObject, isAsJudged: boolean, reads: Reads, lost: string[]): string => {
    if (entries.length === 0) return ''
    if (!isAsJudged) {
      const listed = listOf(message.method, stored) ?? []
      if (listed.length !== entries.length || entries.some(({ kind, name, template }, at) => listed[at]?.kind !== kind || listed[at].name !== name || listed[at].template !== template)) lost.push('/entries')
    }
    if (!reads.annotations && !reads.definitions) return ''
    return `,"entries":[${entries.map((entry) => `{${printFacts(entry, reads)}}`).join(',')}]`
  }

  const print = (exchange: Exchange, kept: KeptMessage): string | null => {
    const { question, decision, message: { method, kind } } = exchange
    if (question === undefined || !isOfPolicy(exchange.verdict)) return null
    const reads = wants(decision.bundle)
    const opened = sessions.get(exchange.session)
    const { message, request, session, upstream, approval } = question
    const lost: string[] = []
    const stored = kept.envelope[kind === 'result' ? 'result' : kind === 'error' ? 'error' : 'params'] ?? {}
    const masked = stored === message.body ? nothingMasked : changedPlaces(message.body, stored)
    if (kept.method !== method) lost.push('/message/method', '/request/method')
    if (!kept.findingsAsTheyWere) lost.push('/findings')
    if (opened?.isClientKept !== true) lost.push('/session/client')

    let text = `{"now":${exchange.at - msOf(question.now)}`
    if (kind === 'request') text += `,"no":${remember(question, exchange, stored, masked)}`
    const { calls, denied, approvals, bytes_out } = session
    if (calls > 0 || denied > 0 || approvals > 0 || bytes_out > 0) text += `,"counts":[${calls},${denied},${approvals},${bytes_out}]`
    if (message.revision !== opened?.revision) text += `,"revision":${JSON.stringify(message.revision)}`
    text += partsOfActor(question.actor, opened, reads)
    text += printLabels(upstream.labels)
    if (message.call !== undefined) {
      const facts = printCall(message.call, message.method, message.body, reads, lost, '/message', exchange.session)
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
      const printed = print(exchange, kept)
      if (exchange.closes) latest.delete(exchange.exchange)
      return printed
    },
  }
}

function isEmpty(object: object): boolean {
  for (const _ in object) return false
  return true
}

/** Without a bundle, or with one that is too old, the engine denies by itself. */
const isOfPolicy = (verdict: Decision | undefined): boolean => verdict !== undefined && verdict.bundle !== 'none' && verdict.reasons.every(({ rule }) => rule !== 'sallyport/policy_stale')
