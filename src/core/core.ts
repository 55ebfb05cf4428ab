import { randomUUID } from 'node:crypto'
import type { RequestListener, Server } from 'node:http'
import { createApp } from '../app.ts'
import type { Shadow } from '../bundle/compare/shadow.ts'
import { createHostGuard } from '../identity/host-guard.ts'
import { createIdentityRoutes } from '../identity/routes.ts'
import { closeServer } from '../listening.ts'
import type { News } from '../login/changes.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { ApprovalId, Clock, Ids, Logger } from '../model.ts'
import { opening } from '../opening.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { PolicyEngine } from '../policy/engine.ts'
import { createCounters, minutesCounted } from '../proxy/counters.ts'
import { createDefinitions } from '../proxy/definitions.ts'
import { createNotices } from '../proxy/notices.ts'
import { createOwnTasks } from '../proxy/own-tasks.ts'
import { createRejections } from '../proxy/rejections.ts'
import { counterKeyOf, principalOf } from '../proxy/session.ts'
import { createSessions } from '../proxy/sessions.ts'
import { createTurns } from '../proxy/turns.ts'
import type { StoreFiles } from '../store/store.ts'
import { printJson } from '../wire/json.ts'
import { createApi } from './api.ts'
import { createDoors, turningAway } from './doors.ts'
import { openParts, type Parts, type PartsOptions } from './parts.ts'
import { followPeople } from './people.ts'
import { createRooms } from './rooms.ts'
import type { Surroundings } from './surroundings.ts'
import { connectRoutes, followConnections } from './upstreams.ts'

export interface CoreOptions extends Pick<PartsOptions, 'settings' | 'secrets' | 'logger'> {
  readonly clock?: Clock
  readonly ids?: Ids
  readonly surroundings: Surroundings
}
export interface Core {
  readonly app: RequestListener
  readonly engine: PolicyEngine
  /** Where a second bundle is configured. */
  readonly shadow: Shadow | undefined
  readonly metrics: Metrics
  readonly logger: Logger
  readonly outbound: Outbound
  /** The store's. */
  readonly files: StoreFiles
  /** An approval changed in another process; without an id, any may have. */
  approvalChanged(id?: ApprovalId): void
  /** Something changed in another process with people, or with what they were given. */
  peopleChanged(news?: News): void
  missing(): readonly string[]
  /** Run once, before listening: tells what the last run left open as what it is. */
  recover(): Promise<void>
  /** Takes nothing new and lets what runs finish for up to half a minute. */
  drain(servers: readonly Server[]): Promise<void>
  close(): Promise<void>
}

const sweepEvery = 60_000
const drainFor = 30_000

/** Settings become what serves. */
export const createCore = (options: CoreOptions): Promise<Core> => opening((opened) => openCore({ clock: Date.now, ids: ownIds, ...options }, opened))

async function openCore(options: CoreOptions & PartsOptions, opened: AsyncDisposableStack): Promise<Core> {
  const { settings, secrets, clock, ids, surroundings } = options
  const { member } = surroundings
  const parts = await openParts(options, opened)
  const { engine, shadow, metrics, logger, outbound, approvals, store, recorder, identity, upstreams, people, limits } = parts
  const rooms = roomsOf(parts, settings, clock, ids)
  const sessions = createSessions(rooms, { all: limits.sessions, perCaller: limits.sessions_per_person })
  if (people.login !== undefined) {
    opened.defer(followPeople(people.login, sessions, logger))
    opened.defer(followConnections(upstreams.connections, people.login, logger))
  }
  const notices = createNotices(sessions.all, rooms)
  engine.watch(notices.changed)
  metrics.watchReplicas(() => [...upstreams.all].flatMap(([upstream, server]) => (server.replicas?.() ?? []).map((state) => ({ upstream, ...state }))))
  metrics.watchStore(() => store.state().writable)
  metrics.watch({ queued: () => store.state().queued, sessions: sessions.count })

  let closing = false
  const missing = () => [
    ...(engine.active() === undefined ? ['no policy bundle is active'] : []),
    ...(store.state().writable ? [] : ['the store cannot be written']),
    ...(closing ? ['the gateway is shutting down'] : []),
  ]
  const rejections = createRejections(rooms)
  const turnedAway = turningAway(rejections)
  const app = createApp({
    mayPass: createHostGuard({ hosts: settings.allowed_hosts, origins: [settings.public_url, ...settings.allowed_origins], tell: (request, refusal) => turnedAway('/', request, refusal) }),
    identityRoutes: createIdentityRoutes({ hasUpstream: (name) => upstreams.all.has(name), protectedResourceMetadata: identity.protectedResourceMetadata }),
    ...createDoors({ identity, upstreams, limits, settings, rooms, sessions, rejections, member, isClosing: () => closing }),
    ...createApi({ ...parts, settings, secrets, clock, surroundings, turnedAway }),
    people: [...people.routes, ...(people.login === undefined ? [] : [connectRoutes(upstreams.connections, people.login, logger)])],
    readiness: async () => surroundings.missing(missing),
    readerPatience: limits.client_stall,
    logger,
  })
  const sweeper = setInterval(() => {
    rejections.sweep()
    void sessions.sweep()
  }, sweepEvery).unref()
  opened.defer(() => clearInterval(sweeper))

  return {
    app, engine, shadow, metrics, logger, outbound, missing, files: store.files,
    approvalChanged: approvals.changedElsewhere,
    peopleChanged: people.changedElsewhere,
    async recover() {
      const unknown = await recorder.closeInterrupted()
      if (unknown > 0) logger.warn(interrupted, { calls: unknown })
      const past = await store.records.recentActivity(clock() - minutesCounted * 60_000)
      rooms.counters.restore(past.map(({ actor, upstream, ...counts }) => ({ ...counts, key: counterKeyOf(principalOf(actor), upstream) })))
    },
    async drain(servers) {
      closing = true
      clearInterval(sweeper)
      const ended = Promise.all(servers.map(closeServer))
      notices.close()
      sessions.endStreams()
      await settle(() => {
        sessions.endPauses()
        return sessions.isBusy() || member?.isBusy() === true
      }, clock)
      await sessions.close()
      rejections.close()
      for (const server of servers) server.closeAllConnections()
      await ended
    },
    close: () => opened.disposeAsync(),
  }
}

/** What a message meets on its way, and what outlives it. */
function roomsOf({ limits, detectors, engine, shadow, recorder, approvals, metrics, logger }: Parts, { approvals: { hold, hold_with_progress } }: PartsOptions['settings'], clock: Clock, ids: Ids) {
  const patience = { without: hold, withProgress: hold_with_progress, silence: limits.upstream_idle }
  return {
    ...createRooms({ limits, detectors, engine: shadow === undefined ? engine : seenBy(shadow, engine), recorder, approvals, meters: metrics.meters, patience, clock, ids, logger }),
    counters: createCounters(clock),
    definitions: createDefinitions(printJson),
    turns: createTurns(limits.calls_per_person),
    tasks: createOwnTasks(clock, metrics.meters.unjudged),
  }
}

/** The same decisions; each is shown to the second bundle once it is taken. */
const seenBy = (shadow: Shadow, engine: PolicyEngine): PolicyEngine => ({
  ...engine,
  async decide(question) {
    const decision = await engine.decide(question)
    shadow.see(question, decision)
    return decision
  },
})

const ownIds: Ids = {
  session: () => `ses_${randomUUID()}`,
  exchange: () => `exg_${randomUUID()}`,
  approval: () => `apr_${randomUUID()}`,
  secret: randomUUID,
}

/** Told at a start, of the whole gateway or of one worker. */
export const interrupted = 'calls were in flight when what starts here last ended; their outcome is unknown'

async function settle(isBusy: () => boolean, clock: Clock): Promise<void> {
  const until = clock() + drainFor
  while (isBusy() && clock() < until) await new Promise((resolve) => setTimeout(resolve, 20))
}
