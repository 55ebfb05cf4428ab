import type { Abort } from '../abort.ts'
import { chainOf, idKey, type BundleDigest, type ClientName, type Era, type ErrorAnswer, type ExchangeId, type GrantedApproval, type Json, type JsonObject, type KnownActor, type Notification, type Principal, type Request, type Result, type Revision, type SessionId } from '../model.ts'
import type { ListName } from '../wire/changes.ts'
import type { Upstream, UpstreamLink } from '../upstream/upstream.ts'
import type { Channel, ClientChannel } from './channel.ts'
import type { Earlier } from './legs.ts'
import type { Outbox } from './outbox.ts'
import type { ServerTasks } from './server-tasks.ts'

/** Which lists' changes a client is told of, and as of which bundle it knows them. */
export interface Hearing {
  readonly lists: readonly ListName[]
  told: BundleDigest | undefined
}

/** A request of the client that a server is working on, or may still answer. */
export interface Pending {
  /** Its answers are judged with it: with the definition by which it was sent. */
  request: Request
  readonly exchange: ExchangeId
  /** As the token said that brought it. */
  readonly actor: KnownActor
  /** When that token runs out. */
  readonly goodUntil: number | undefined
  /** The ids and token the server knows it by. */
  readonly upstreamId: string
  readonly upstreamToken: string | undefined
  readonly abort: Abort
  readonly startedAt: number
  /** True once an approval released it: its answers are asked with that approval. */
  approval: GrantedApproval | undefined
  /** How many later legs of the call that approval has let through (MCP 2026-07-28 basic/patterns/mrtr). */
  leg: number
  /** The approval that it came back for. */
  readonly waits: Earlier['waits']
  /** Made a task by the gateway: nobody waits at a stream. */
  readonly isTask: boolean
  /** It waits for its turn or for reviewers: told to call again, its caller loses nothing. */
  paused: boolean
  /** True from the moment its bytes may have reached the server. */
  sent: boolean
  answered: boolean
  /** The bundle that let it pass. */
  judgedBy: BundleDigest | undefined
  /** Of a subscription: its acknowledgement has come. */
  acknowledged: boolean
  /** … and what it granted. */
  hears: Hearing | undefined
  /** Gives back what it used up to be sent: it was not sent after all. */
  giveBack: (() => Promise<void>) | undefined
  /** The client took it back: it waits for no answer. */
  cancelled: boolean
  /** The server's id of the last event of its stream: from there it can be asked for the rest. */
  heard: string | undefined
  /** Milliseconds to wait before that, as the server said. */
  retry: number | undefined
  /** The server has ended its stream before the answer: it may take as long as it likes, and nothing is lost with the wait. */
  detached: boolean
  /** Set where the gateway itself asks, to learn a server's definitions: the answer is read and not released. */
  readonly internal: ((answer: Result | ErrorAnswer) => void) | undefined
  /** `Mcp-Param-*` for the arguments as they are sent (MCP 2026-07-28 basic/transports/streamable-http). */
  readonly mirror: ((args: JsonObject) => { readonly [name: string]: string }) | undefined
  readonly channel: Channel
}

/** A request of the server that the client has to answer. */
export interface Asked {
  readonly request: Request
  readonly exchange: ExchangeId
}

/** One caller at one upstream: its own link, ids and recording. */
export interface ClientSession {
  readonly id: SessionId
  /** RFC 3339, as policies see it. */
  readonly startedAt: string
  /** What its caller's acts at this server are counted under. */
  readonly counterKey: string
  /** By whom everything is bounded: one agent acts for many, who must not take each other's room. A session serves nobody else. */
  readonly caller: string
  readonly era: Era
  readonly upstream: Upstream
  readonly link: UpstreamLink
  readonly client: ClientName
  /** The legacy `Mcp-Session-Id`; undefined in the stateless era. */
  readonly transport: string | undefined
  revision: Revision
  /** As of the latest request: for what belongs to none. */
  actor: KnownActor
  lastUsed: number
  /** By upstream id. */
  readonly pending: Map<string, Pending>
  /** By `idKey` of the server's id. */
  readonly asked: Map<string, Asked>
  readonly tasks: ServerTasks
  readonly outbox: Outbox
  listening: ClientChannel | undefined
  /** What its greeting announced. */
  hears: Hearing | undefined
  /** The server's id of the last event that no request asked for. */
  heard: string | undefined
  /** What greeted the server, to greet it again when it was restarted. */
  greeting: { readonly initialize: Request; initialized: Notification | undefined } | undefined
  greeted: number
  /** Set while a restarted child is being greeted. */
  greets: Promise<void> | undefined
  /** The server is gone for this session: clients are told 404. */
  closed: boolean
  ended: boolean
}

export const principalOf = (actor: KnownActor): string => JSON.stringify([actor.issuer, actor.subject])

/** Whether an actor is somebody, or works on their behalf. */
export const speaksFor = (actor: Principal, who: Pick<Principal, 'issuer' | 'subject'>): boolean =>
  chainOf(actor).some(({ issuer, subject }) => issuer === who.issuer && subject === who.subject)

export const counterKeyOf = (principal: string, upstream: string): string => `${principal} ${upstream}`

/** Whether anything is being worked on that the gateway itself will see the end of. */
export const isWaiting = (session: ClientSession): boolean => [...session.pending.values()].some(({ answered, detached }) => !answered && !detached)

/** Undefined also where it could mean either of two: in the stateless era ids are one client process's own, and several may share a session. */
export function pendingOfClient(session: ClientSession, id: Json): Pending | undefined {
  const key = idKey(id)
  const [found, ...others] = [...session.pending.values()].filter((pending) => !pending.answered && idKey(pending.request.id) === key)
  return others.length === 0 ? found : undefined
}
