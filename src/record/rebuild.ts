import { isObject, parseExactJson } from '../exact-json.ts'
import type { Actor, Call, Decision, Entry, JsonObject, JudgedMessage, Question } from '../model.ts'
import { overlap } from '../places.ts'
import type { Basis, KeptCall, KeptFacts, NamedCall } from './basis.ts'
import type { EventRow, SessionRow } from './record-store.ts'

/** A decision with what it depended on, as far as the record holds it. */
export interface Asked {
  readonly event: EventRow
  readonly session: SessionRow
  readonly question: Question
  /** Places of the question (JSON Pointer, `*` for every element) that are not as they were judged. */
  readonly lost: readonly string[]
  /** What the policy said; the event shows what was done. */
  readonly decision: Decision
}
export interface RebuildParts {
  readonly callOf: (method: string, body: JsonObject) => NamedCall | undefined
  readonly listOf: (method: string, body: JsonObject) => readonly Pick<Entry, 'kind' | 'name' | 'template'>[] | undefined
}
export interface Rebuilder {
  /** Events in the order in which they were recorded. Undefined where no policy was asked. */
  next(event: EventRow, session: SessionRow): Asked | undefined
}

interface Half {
  readonly message: JudgedMessage
  readonly lost: readonly string[]
}
/** How many requests are remembered for their answers, of all sessions together. */
const mostRequests = 50_000

/** Puts questions together again from what was recorded: what is said here follows `basis.ts` step by step. */
export function createRebuilder({ callOf, listOf }: RebuildParts): Rebuilder {
  const requests = new Map<string, Half>()

  const keep = (key: string, half: Half): void => {
    requests.set(key, half)
    for (const oldest of requests.keys()) {
      if (requests.size <= mostRequests) break
      requests.delete(oldest)
    }
  }
  const findRequest = (session: string, no: Basis['request']): Half | undefined => (typeof no === 'number' ? requests.get(`${session} ${no}`) : undefined)

  const callFrom = (method: string, body: JsonObject, kept: KeptCall | undefined, session: string): { readonly call: Call; readonly lost: readonly string[] } | undefined => {
    if (kept === undefined) return undefined
    const said = callOf(method, body)
    // Of a body that was replaced as a whole nobody can tell what it named; that it is lost is told by whoever asks.
    const named = kept.named ?? said ?? { kind: 'tool', name: '', template: false }
    const source = findRequest(session, kept.arguments_of)
    const args = kept.named === undefined && kept.arguments_of === undefined ? (said?.arguments ?? {}) : (source?.message.call?.arguments ?? {})
    const { known, lost } = factsFrom(kept)
    const missing = kept.arguments_of !== undefined && source === undefined ? ['/arguments'] : []
    return { call: { kind: named.kind, name: named.name, arguments: args, annotations: {}, ...known, template: named.template }, lost: [...lost, ...missing] }
  }

  const messageFrom = (event: EventRow, body: JsonObject, basis: Basis, session: SessionRow): Half => {
    const { direction, kind, method } = event
    const revision = basis.revision ?? (session.revision === 'none' ? '2025-11-25' : session.revision)
    const found = kind === 'request' || kind === 'notification' ? callFrom(method, body, basis.call, session.id) : undefined
    const masked = placesIn(basis.masked ?? [])
    return {
      message: { direction, kind, method, revision, ...(found === undefined ? {} : { call: found.call }), body },
      lost: [...masked, ...(found?.lost ?? []).map((place) => `/call${place}`)],
    }
  }

  const requestFrom = (basis: Basis, message: JudgedMessage, session: string): Half | undefined => {
    if (typeof basis.request === 'object' && basis.request !== null) {
      const { direction, method = message.method, revision = message.revision } = basis.request
      return { message: { direction, kind: 'request', method, revision, body: {} }, lost: [] }
    }
    const found = findRequest(session, basis.request)
    if (found === undefined) return undefined
    const masked = basis.request_masked === undefined ? undefined : placesIn(basis.request_masked)
    if (basis.request_call === undefined && masked === undefined) return found
    const call = basis.request_call === undefined ? undefined : callFrom(found.message.method, found.message.body, basis.request_call, session)
    const facts = found.lost.filter((place) => place.startsWith('/call/annotations') || place.startsWith('/call/definition'))
    return {
      message: call === undefined ? found.message : { ...found.message, call: call.call },
      lost: [...(masked ?? found.lost), ...(call === undefined ? facts : call.lost.map((place) => `/call${place}`))],
    }
  }

  return {
    next(event, session) {
      if (event.basis === null) return undefined
      const basis = JSON.parse(event.basis) as Basis // written by this gateway
      const stored = bodyOf(event)
      const half = messageFrom(event, stored, basis, session)
      if (basis.no !== undefined) keep(`${session.id} ${basis.no}`, half)
      const request = requestFrom(basis, half.message, session.id)
      const { entries, lost: lostEntries } = entriesFrom(listOf(event.method, stored) ?? [], basis.entries)
      const [calls, denied, approvals, bytes_out] = basis.counts ?? [0, 0, 0, 0]
      const lost = [
        ...(basis.lost ?? []),
        ...half.lost.map((place) => `/message${place}`),
        ...(basis.request === undefined ? [] : request === undefined ? ['/request'] : request.lost.map((place) => `/request${place}`)),
        ...lostEntries,
        ...(basis.claims === null ? ['/actor/claims'] : []),
      ]
      const question: Question = {
        actor: actorFrom(session.actor, basis),
        upstream: { name: session.upstream, labels: basis.labels ?? {} },
        session: { id: session.id, started_at: new Date(session.started_at).toISOString(), client: session.client, calls, denied, approvals, bytes_out },
        message: half.message,
        ...(request === undefined ? {} : { request: request.message }),
        entries,
        findings: event.findings,
        ...(basis.approval === undefined ? {} : { approval: basis.approval }),
        now: new Date(event.at - basis.now).toISOString(),
      }
      return { event, session, question, lost: [...new Set(lost)], decision: basis.verdict ?? event.decision }
    },
  }
}

function bodyOf(event: EventRow): JsonObject {
  const envelope = parseExactJson(event.message)
  const body = isObject(envelope) ? envelope[event.kind === 'result' ? 'result' : event.kind === 'error' ? 'error' : 'params'] : undefined
  return isObject(body) ? body : {}
}

/** What is not kept of a message whose body has other values at these places; what a call says is taken from its body. */
function placesIn(masked: readonly string[]): readonly string[] {
  return masked.flatMap((place) => {
    const of = [`/body${place}`]
    if (place === '') return [...of, '/call']
    if (overlap(place, '/name') || overlap(place, '/uri') || overlap(place, '/ref')) of.push('/call/name')
    const args = ['/arguments', '/context/arguments'].find((each) => overlap(place, each))
    if (args !== undefined) of.push(place.startsWith(args) ? `/call/arguments${place.slice(args.length)}` : '/call/arguments')
    return of
  })
}

function factsFrom(kept: KeptFacts | undefined): { readonly known: Partial<Call>; readonly lost: readonly string[] } {
  const { annotations, definition_sha256 } = kept ?? {}
  return {
    known: { ...(annotations === undefined ? {} : { annotations }), ...(definition_sha256 === undefined || definition_sha256 === null ? {} : { definition_sha256 }) },
    lost: [...(annotations === undefined ? ['/annotations'] : []), ...(definition_sha256 === undefined ? ['/definition_sha256'] : [])],
  }
}

function entriesFrom(listed: readonly Pick<Entry, 'kind' | 'name' | 'template'>[], kept: Basis['entries']): { readonly entries: readonly Entry[]; readonly lost: readonly string[] } {
  const lost = new Set<string>()
  const entries = listed.map(({ kind, name, template }, at): Entry => {
    const facts = factsFrom(kept?.[at])
    for (const place of facts.lost) lost.add(`/entries/*${place}`)
    return { kind, name, template, annotations: {}, ...facts.known }
  })
  return { entries, lost: [...lost] }
}

function actorFrom(actor: Actor, { actor: other, claims }: Basis): Actor {
  if (other === undefined && claims === undefined) return actor
  // Written from an actor, without its claims.
  return { ...((other ?? actor) as unknown as Actor), claims: claims ?? ('claims' in actor ? actor.claims : {}) } as Actor
}
