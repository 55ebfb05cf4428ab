import { GatewayError } from '../errors.ts'
import { callerOf, type ClientName, type KnownActor, type Revision } from '../model.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Judge } from './evaluate.ts'
import { createOutboxes } from './outbox.ts'
import { createServerTasks } from './server-tasks.ts'
import { createPauseEnds, cutOff, endWaits } from './session-ends.ts'
import { counterKeyOf, isWaiting, principalOf, speaksFor, type ClientSession } from './session.ts'

export interface Sessions {
  /** A session that a client opens with `initialize`; it can be found by its `transport` id from now on. */
  openLegacy(input: OpenInput): ClientSession
  findLegacy(transport: string, actor: KnownActor, upstream: string): ClientSession | undefined
  /** The session of the stateless era: one per principal, upstream and client name. */
  modern(input: OpenInput): ClientSession
  end(session: ClientSession): Promise<void>
  /** A stream on which nobody has greeted yet ends like a session of its caller. What is given back is told when somebody has, or it is gone. */
  expectGreeting(stream: Ungreeted): () => void
  count(): number
  all(): readonly ClientSession[]
  /** Ends what a caller has here who may not go on: no event reaches them any more, and what was not sent is not sent. */
  revoke(who: Pick<KnownActor, 'issuer' | 'subject'>): Promise<void>
  /** Something that policies see of a caller is another now. */
  renew(actor: KnownActor): void
  /** Whether any request is still being worked on. */
  isBusy(): boolean
  /** Ends the streams that no request asked for. */
  endStreams(): void
  /** Frees the callers that wait for an approval, and ends subscriptions. Asked until nothing runs: what is being judged may wait only then. */
  endPauses(): void
  /** Ends sessions that were idle for too long. */
  sweep(): Promise<void>
  close(): Promise<void>
}
export interface Ungreeted {
  readonly actor: KnownActor
  readonly finish: () => void
  readonly cut: () => void
}
export interface OpenInput {
  readonly actor: KnownActor
  readonly upstream: Upstream
  readonly revision: Revision
  readonly client: ClientName
}

const modernIdle = 30 * 60_000
// Many clients of the older era do not greet again when their session is gone, so theirs lives through a working day.
const legacyIdle = 12 * 60 * 60_000

// A session that was just opened is about to be used.
const idleAfter = 1000

export interface SessionLimits {
  readonly all: number
  readonly perCaller: number
}

export function createSessions(rooms: Judge, limits: SessionLimits): Sessions {
  const legacy = new Map<string, ClientSession>()
  const modern = new Map<string, ClientSession>()
  const perCaller = new Map<string, number>()
  const ungreeted = new Set<Ungreeted>()
  const endPauses = createPauseEnds(rooms)
  const outboxes = createOutboxes(rooms.clock)
  const countOf = (caller: string) => perCaller.get(caller) ?? 0

  const all = (): readonly ClientSession[] => [...legacy.values(), ...modern.values()]

  const open = ({ actor, upstream, revision, client }: OpenInput, transport: string | undefined): ClientSession => {
    const caller = callerOf(actor)
    if (countOf(caller) >= limits.perCaller && !endIdlest((session) => session.caller === caller)) throw new GatewayError('capacity', { detail: `${limits.perCaller} sessions of one caller are busy` })
    if (legacy.size + modern.size >= limits.all && !endIdlest(() => true)) throw new GatewayError('capacity', { detail: `${limits.all} sessions are busy` })
    const now = rooms.clock()
    const session: ClientSession = {
      id: rooms.ids.session(), startedAt: new Date(now).toISOString(), counterKey: counterKeyOf(principalOf(actor), upstream.name), caller, era: transport === undefined ? 'modern' : 'legacy', upstream, link: upstream.open({ owner: caller, actor }), client, transport,
      revision, actor, lastUsed: now, pending: new Map(), asked: new Map(), tasks: createServerTasks(), outbox: outboxes.open(rooms.ids.secret, caller), listening: undefined, hears: undefined, heard: undefined, greeting: undefined, greeted: -1, greets: undefined, closed: false, ended: false,
    }
    perCaller.set(caller, countOf(caller) + 1)
    rooms.record.openSession({ id: session.id, started_at: now, actor, upstream: upstream.name, revision, client })
    return session
  }

  const end = async (session: ClientSession) => {
    if (session.transport !== undefined) legacy.delete(session.transport)
    for (const [key, other] of modern) if (other === session) modern.delete(key)
    if (session.ended) return
    session.ended = true
    session.closed = true
    const left = countOf(session.caller) - 1
    if (left > 0) perCaller.set(session.caller, left)
    else perCaller.delete(session.caller)
    session.listening?.finish()
    session.outbox.close()
    endWaits(session)
    await session.link.close()
    rooms.record.endSession(session.id)
  }

  // Most clients leave without a DELETE: where there is no room, the session idle for longest goes. Its client is told 404 and greets again.
  const endIdlest = (mayEnd: (session: ClientSession) => boolean): boolean => {
    const [idlest] = all().filter((session) => mayEnd(session) && idle(session, idleAfter)).sort((one, other) => one.lastUsed - other.lastUsed)
    if (idlest === undefined) return false
    void end(idlest).catch((error: unknown) => rooms.logger.warn('a session did not end cleanly', { session: idlest.id, error: String(error) }))
    return true
  }

  const idle = (session: ClientSession, limit: number) => !isWaiting(session) && session.listening === undefined && rooms.clock() - session.lastUsed > limit

  return {
    openLegacy(input) {
      const transport = rooms.ids.secret()
      const session = open(input, transport)
      legacy.set(transport, session)
      return session
    },
    // A session id is never authentication: it only works for the principal and the upstream it was made for.
    findLegacy(transport, actor, upstream) {
      const session = legacy.get(transport)
      if (session === undefined || session.closed || session.caller !== callerOf(actor) || session.upstream.name !== upstream) return undefined
      session.actor = actor
      session.lastUsed = rooms.clock()
      return session
    },
    modern(input) {
      const key = JSON.stringify([callerOf(input.actor), input.upstream.name, input.client.name ?? ''])
      const found = modern.get(key)
      const session = found === undefined || found.closed ? open(input, undefined) : found
      modern.set(key, session)
      session.actor = input.actor
      session.lastUsed = rooms.clock()
      return session
    },
    end,
    expectGreeting(stream) {
      ungreeted.add(stream)
      return () => void ungreeted.delete(stream)
    },
    count: () => legacy.size + modern.size,
    all,
    isBusy: () => all().some(isWaiting),
    endStreams() {
      for (const { finish } of ungreeted) finish()
      for (const { listening } of all()) listening?.finish()
    },
    endPauses() {
      for (const session of all()) endPauses(session)
    },
    async revoke(who) {
      for (const { actor, cut } of ungreeted) if (speaksFor(actor, who)) cut()
      await Promise.all(all().filter(({ actor }) => speaksFor(actor, who)).map(async (session) => {
        await cutOff(session, rooms)
        await end(session)
      }))
    },
    renew(actor) {
      for (const session of all()) if (session.caller === callerOf(actor)) session.actor = actor
    },
    async sweep() {
      outboxes.sweep()
      const gone = [...legacy.values()].filter((session) => session.closed || idle(session, legacyIdle))
      const quiet = [...modern.values()].filter((session) => session.closed || idle(session, modernIdle))
      await Promise.all([...gone, ...quiet].map(end))
    },
    async close() {
      await Promise.all(all().map(end))
    },
  }
}
