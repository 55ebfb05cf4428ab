import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'
import { createAdminRouter } from '../admin/router.ts'
import type { Webhook } from '../admin/webhook.ts'
import { redactReasons, type PolicyDesk, type PolicyStatus } from '../admin/policy.ts'
import { createApp } from '../app.ts'
import { createApprovals } from '../approval/approval.ts'
import { createShadow, type Shadow } from '../bundle/compare/shadow.ts'
import { openDelivery } from '../bundle/source/webhook.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import { createDetectors, type Detectors } from '../detect/index.ts'
import { createPatternDetector } from '../detect/pattern.ts'
import { scan } from '../detect/scan.ts'
import { redact, redactText, redactTexts } from '../enforce/redact.ts'
import { createHostGuard } from '../identity/host-guard.ts'
import { createIdentity, type ResolveInput } from '../identity/identity.ts'
import { createIdentityRoutes } from '../identity/routes.ts'
import { closeServer } from '../listening.ts'
import { createKept } from '../kept.ts'
import { createLogger } from '../logging.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import type { ApprovalId, Clock, Ids, Json, KnownActor, Logger, Role, Sighting } from '../model.ts'
import { opening } from '../opening.ts'
import { createOutbound, type Outbound } from '../outbound/outbound.ts'
import { followPeople, openPeople } from './people.ts'
import { createPolicyEngine, type PolicyEngine } from '../policy/engine.ts'
import { createCounters, minutesCounted } from '../proxy/counters.ts'
import { createDefinitions } from '../proxy/definitions.ts'
import { createEndpoint, type Resolved as ResolvedCaller } from '../proxy/endpoint.ts'
import { counterKeyOf, principalOf } from '../proxy/session.ts'
import { createNotices } from '../proxy/notices.ts'
import { createRejections } from '../proxy/rejections.ts'
import { createSessions } from '../proxy/sessions.ts'
import { createSseEndpoint } from '../proxy/sse-endpoint.ts'
import { createOwnTasks } from '../proxy/own-tasks.ts'
import { createTurns } from '../proxy/turns.ts'
import { createBasisMaker } from '../record/make-basis.ts'
import { createRecorder } from '../record/recorder.ts'
import { createRooms, quickWith } from './rooms.ts'
import { stores } from '../store/index.ts'
import { scopesOf, wantedFor } from '../upstream/scopes.ts'
import { connectRoutes, createUpstreams } from './upstreams.ts'
import { readSseMessage } from '../wire/2024-11-05/message.ts'
import { checkParamHeaders, mirrorParams, paramHeaders, readHead, readPost, readVisit } from '../wire/door.ts'
import { namedCall } from '../wire/call.ts'
import { printJson } from '../wire/json.ts'
import { listOf } from '../wire/list.ts'
import { sseComment, writeSseEvent } from '../wire/sse.ts'

export interface CoreOptions {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly logger?: Logger
  readonly clock?: Clock
  readonly ids?: Ids
  readonly surroundings: Surroundings
}
/** What is told, asked and left to others where this is one of several processes, and is close at hand where it is the only one. */
export interface Surroundings {
  readonly policy: () => PolicyStatus | Promise<PolicyStatus>
  /** Where the policies come from may have something new. */
  readonly look: () => void
  /** The file of a bundle that is active. */
  readonly bundle: (digest: string) => Promise<Uint8Array | undefined>
  /** Where somebody goes back to an older bundle. */
  readonly desk: () => PolicyDesk
  /** What keeps the gateway from serving, all of its processes taken together. */
  readonly missing: (own: () => readonly string[]) => readonly string[] | Promise<readonly string[]>
  readonly printMetrics: (own: Metrics) => Promise<string>
  readonly member?: Member
}
/** One of several processes: everything of one principal is on one of them. */
export interface Member {
  readonly slot: number
  readonly count: number
  /** True where a request belongs to another process, which answers it. */
  readonly isElsewhere: (request: IncomingMessage, response: ServerResponse, actor: KnownActor) => boolean
  readonly approvalChanged: (id: ApprovalId) => void
  /** Whether requests that came here are still being answered elsewhere. */
  readonly isBusy: () => boolean
}
export interface Core {
  readonly app: RequestListener
  readonly engine: PolicyEngine
  /** Where a second bundle is configured. */
  readonly shadow: Shadow | undefined
  readonly metrics: Metrics
  readonly logger: Logger
  readonly outbound: Outbound
  /** An approval changed in another process; without an id, any may have. */
  approvalChanged(id?: ApprovalId): void
  missing(): readonly string[]
  /** Run once, before listening: tells what the last run left open as what it is. */
  recover(): Promise<void>
  /** Takes nothing new and lets what runs finish for up to half a minute. */
  drain(servers: readonly Server[]): Promise<void>
  close(): Promise<void>
}

const sweepEvery = 60_000
const drainFor = 30_000

/** Settings become parts, in the order in which they stand on one another. */
export const createCore = (options: CoreOptions): Promise<Core> => opening((opened) => openCore(options, opened))

async function openCore({ settings, secrets, clock = Date.now, ids = ownIds, surroundings, ...options }: CoreOptions, opened: AsyncDisposableStack): Promise<Core> {
  const { member } = surroundings
  const detectors = detectorsOf(settings)
  const clean = (text: string) => redactText(text, detectors)
  const scanBody = (body: Json) => scan(body, detectors)
  const logger = options.logger ?? createLogger({ level: settings.logging.level, ...(member === undefined ? {} : { fields: { worker: member.slot } }) }, clean)
  const metrics = createMetrics()
  const outbound = createOutbound({ settings: settings.outbound, count: metrics.watchOutbound() })
  opened.defer(() => outbound.close())

  const store = await stores[settings.store.kind]({ path: settings.store.path, writer: member?.slot, logger, observe: { committed: (size, ms) => metrics.committed({ size, seconds: ms / 1000 }), refused: metrics.recordsRefused } })
  opened.defer(() => store.close())
  const engine = createPolicyEngine({ detectors: detectors.names, logger, rolesFailed: metrics.rolesFailed })
  opened.defer(() => engine.close())
  const shadow = settings.policy.shadow === undefined ? undefined : createShadow({ detectors: detectors.names, clean, clock, count: metrics.watchShadow() })
  opened.defer(() => shadow?.close())
  const basis = createBasisMaker({
    // Between two bundles nobody can tell what the one before read.
    reads(bundle) {
      const active = engine.active()
      return active?.digest === bundle ? active.input_paths : undefined
    },
    isClean: (value) => scanBody(value).hits.length === 0,
    callOf: namedCall, listOf,
  })
  const recorder = createRecorder<Sighting>({ store: store.records, basis, redact: (message, found, masks) => redact(message, found, masks, scanBody, quickWith(detectors)), redactText: clean, redactTexts: (texts) => redactTexts(texts, detectors), print: printJson, clock, logger })
  const approvals = createApprovals({ store: store.approvals, clock, ids, key: secrets.storeKey(), redactText: clean, logger, onChange: ({ id }) => member?.approvalChanged(id) })
  opened.defer(() => approvals.close())
  const limits = { ...settings.limits, ...shareOf(settings.limits, member?.count ?? 1) }
  const upstreams = createUpstreams({
    settings: { ...settings, limits }, secrets, redactText: clean, outbound, metrics, clock, logger,
    kept: createKept(store.kept, secrets.storeKey(), clock),
    subjectTokenOf: async (actor) => people.login?.accounts.tokensOf(actor),
  })
  opened.defer(() => upstreams.close())
  const people = await openPeople({ settings, secrets, store: store.kept, outbound, clock, logger })
  opened.defer(() => people.close())
  const identity = createIdentity({ issuers: settings.identity.issuers, publicUrl: settings.public_url, clock, logger, ...(people.own === undefined ? {} : { own: people.own, scopesOf: (upstream: string) => Object.keys(scopesOf(upstream, settings.upstreams[upstream]?.scopes ?? {})) }), fetchFor: (configured) => outbound.fetchFor({ purpose: 'issuer', configured }) })

  const patience = { without: settings.approvals.hold, withProgress: settings.approvals.hold_with_progress, silence: settings.limits.upstream_idle }
  const rooms = {
    ...createRooms({ limits, detectors, engine: shadow === undefined ? engine : seenBy(shadow, engine), recorder, approvals, meters: metrics.meters, patience, clock, ids, logger }),
    counters: createCounters(clock),
    definitions: createDefinitions(printJson),
    turns: createTurns(limits.calls_per_person),
    tasks: createOwnTasks(clock, metrics.meters.unjudged),
  }
  const sessions = createSessions(rooms, { all: limits.sessions, perPrincipal: limits.sessions_per_person })
  if (people.login !== undefined) opened.defer(followPeople(people.login, sessions, logger))
  const notices = createNotices(sessions.all, rooms)
  engine.watch(notices.changed)
  metrics.watchReplicas(() => [...upstreams.all].flatMap(([upstream, server]) => (server.replicas?.() ?? []).map((state) => ({ upstream, ...state }))))
  metrics.watchStore(() => store.state().writable)
  metrics.watch({ queued: () => store.state().queued, sessions: sessions.count })

  const rejections = createRejections(rooms)
  const turnedAway = (upstream: string, { socket }: IncomingMessage, { status, code, message }: { readonly status: number; readonly code: string; readonly message: string }) =>
    rejections.tell({ upstream, from: socket.remoteAddress ?? 'unknown', status, code, message })

  /** Where nobody can tell, it was good before. */
  const isStillGood = async (input: ResolveInput): Promise<boolean> => {
    const again = await identity.resolve(input)
    return again.ok || again.refusal.status === 503
  }

  let closing = false
  const doors = {
    rooms, sessions, limits,
    upstream: (name: string) => upstreams.all.get(name),
    resolve: async (rawHeaders: readonly string[], upstream: string, url: string): Promise<ResolvedCaller> => {
      const input = { rawHeaders, audience: `${settings.public_url}/mcp/${upstream}`, url }
      const resolved = await identity.resolve(input)
      if (resolved.ok) return { ok: true, caller: { actor: resolved.actor, expiresAt: resolved.token.expires_at, scopes: resolved.token.scopes, isGood: () => isStillGood(input) } }
      return { ok: false, ...resolved.refusal }
    },
    ...(member === undefined ? {} : { isElsewhere: member.isElsewhere }),
    sse: { writeEvent: writeSseEvent, comment: sseComment() },
    rejections,
    lacking: (upstream: string, tools: readonly string[], has: readonly string[]) => {
      const scopes = settings.upstreams[upstream]?.scopes ?? {}
      const wanted = tools.length === 0 ? [] : wantedFor(upstream, scopes, tools)
      return wanted.length === 0 ? undefined : identity.lacking({ audience: `${settings.public_url}/mcp/${upstream}`, has, wanted })
    },
    isClosing: () => closing,
  }
  const sseEndpoint = createSseEndpoint({ ...doors, door: { readHead, readMessage: readSseMessage } })
  const endpoint = createEndpoint({
    ...doors,
    door: {
      readHead, readVisit, readPost,
      mirrored: (rawHeaders) => ({
        check: (schema, args, id) => checkParamHeaders(rawHeaders, schema, args, id),
        remake: (schema, args) => mirrorParams(schema, args, paramHeaders(rawHeaders)),
      }),
    },
  })
  const resolveAdmin = async (rawHeaders: readonly string[], url: string) => {
    const resolved = await identity.resolve({ rawHeaders, audience: `${settings.public_url}/api/v1`, url })
    if (resolved.ok) return { ok: true, actor: resolved.actor } as const
    const { status, code, message, headers } = resolved.refusal
    return { ok: false, status, code, message, ...(headers['WWW-Authenticate'] === undefined ? {} : { www_authenticate: headers['WWW-Authenticate'] }) } as const
  }
  const rolesOf = (actor: KnownActor) => engine.roles(actor, new Date(clock()).toISOString())
  const admin = createAdminRouter({
    async resolve(request) {
      const resolved = await resolveAdmin(request.rawHeaders, request.originalUrl)
      if (!resolved.ok) turnedAway('/api/v1', request, resolved)
      return resolved
    },
    rolesOf, sessions: store.records, approvals, logger,
    policy: surroundings.policy, policyDesk: () => redactReasons(surroundings.desk(), clean),
    bundle: { active: () => engine.active()?.digest, read: surroundings.bundle },
    webhook: webhookOf(settings, secrets, { clock, look: surroundings.look, refused: (request, refusal) => turnedAway('/api/v1', request, refusal) }),
    people: people.login?.accounts,
    upstreams: () => Object.entries(settings.upstreams).map(([name, own]) => ({ name, kind: 'url' in own ? 'http' : 'stdio', labels: own.labels, endpoint: `${settings.public_url}/mcp/${name}` })),
  })

  const missing = () => [
    ...(engine.active() === undefined ? ['no policy bundle is active'] : []),
    ...(store.state().writable ? [] : ['the store cannot be written']),
    ...(closing ? ['the gateway is shutting down'] : []),
  ]
  const printMetrics: RequestHandler = async (_request, response) => void response.type(metrics.contentType).send(await surroundings.printMetrics(metrics))
  const app = createApp({
    mayPass: createHostGuard({ hosts: settings.allowed_hosts, origins: [settings.public_url, ...settings.allowed_origins], tell: (request, refusal) => turnedAway('/', request, refusal) }),
    identityRoutes: createIdentityRoutes({ hasUpstream: (name) => upstreams.all.has(name), protectedResourceMetadata: identity.protectedResourceMetadata }),
    endpoint, sseEndpoint, admin, logger,
    people: [...people.routes, ...(people.login === undefined ? [] : [connectRoutes(upstreams.connections, people.login, logger)])],
    metrics: settings.metrics === undefined ? guardMetrics(printMetrics, resolveAdmin, rolesOf) : undefined,
    readiness: async () => surroundings.missing(missing),
    readerPatience: settings.limits.client_stall,
  })
  const sweeper = setInterval(() => {
    rejections.sweep()
    void sessions.sweep()
  }, sweepEvery).unref()
  opened.defer(() => clearInterval(sweeper))

  return {
    app, engine, shadow, metrics, logger, outbound, missing,
    approvalChanged: approvals.changedElsewhere,
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
      await settle(() => sessions.isBusy() || member?.isBusy() === true, clock)
      await sessions.close()
      rejections.close()
      for (const server of servers) server.closeAllConnections()
      await ended
    },
    close: () => opened.disposeAsync(),
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

export const detectorsOf = (settings: Settings): Detectors =>
  createDetectors(Object.fromEntries(Object.entries(settings.detectors).map(([name, { pattern }]) => [name, patternOf(pattern)])))

function patternOf(pattern: string) {
  const made = createPatternDetector(pattern)
  if (!made.ok) throw new Error(made.problem)
  return made.find
}

/** Deliveries of the Git host that the policies come from, where the settings say that it sends some. */
function webhookOf({ policy: { source } }: Settings, secrets: Secrets, rest: Omit<Webhook, 'open'>): Webhook | undefined {
  if (source.kind !== 'git' || source.webhook === undefined) return undefined
  const secret = secrets.get('policy.source.webhook.secret')
  return { ...rest, open: (headers) => openDelivery(headers, secret, rest.clock()) }
}

/** What all processes together may have, shared out evenly among them; what one caller may have is whole, as a caller is on one of them. */
const shareOf = ({ sessions, children }: Settings['limits'], count: number) => ({ sessions: Math.max(1, Math.floor(sessions / count)), children: Math.max(1, Math.floor(children / count)) })

type ResolveAdmin = (rawHeaders: readonly string[], url: string) => Promise<{ readonly ok: true; readonly actor: KnownActor } | { readonly ok: false }>

/** `/metrics` on the main port: for loopback as it is, for anybody else with a token of the API and some role. */
const guardMetrics = (print: RequestHandler, resolve: ResolveAdmin, rolesOf: (actor: KnownActor) => Promise<readonly Role[]>): RequestHandler => async (request, response, next) => {
  const address = request.socket.remoteAddress ?? ''
  const isLocal = address === '::1' || /^(?:::ffff:)?127\./.test(address)
  // Behind a proxy on the same machine everybody comes from loopback; what a proxy adds tells it.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined
  if (isLocal && !isForwarded) return print(request, response, next)
  const resolved = await resolve(request.rawHeaders, request.originalUrl)
  if (resolved.ok && (await rolesOf(resolved.actor)).length > 0) return print(request, response, next)
  const [status, title] = resolved.ok ? [403, 'a role is needed'] : [401, 'a token is needed']
  if (!resolved.ok) response.set('WWW-Authenticate', 'Bearer')
  response.status(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title, status }))
}

async function settle(isBusy: () => boolean, clock: Clock): Promise<void> {
  const until = clock() + drainFor
  while (isBusy() && clock() < until) await new Promise((resolve) => setTimeout(resolve, 20))
}
