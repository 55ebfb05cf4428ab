import { randomBytes, randomUUID } from 'node:crypto'
import http, { type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RequestHandler } from 'express'
import { createAdminRouter } from './admin/router.ts'
import { createApp } from './app.ts'
import { createApprovals } from './approval/approval.ts'
import { createPipeline, type Pipeline } from './bundle/activate.ts'
import { createDirectorySource } from './bundle/directory.ts'
import { createOpa } from './bundle/opa.ts'
import { readBuildOptions } from './bundle/options.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import { createDetectors } from './detect/index.ts'
import { createPatternDetector } from './detect/pattern.ts'
import { scan } from './detect/scan.ts'
import { redact, redactText } from './enforce/redact.ts'
import { createHostGuard } from './identity/host-guard.ts'
import { createIdentity } from './identity/identity.ts'
import { createIdentityRoutes } from './identity/routes.ts'
import { createLogger } from './logging.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import type { Clock, Ids, Json, Logger, Scan } from './model.ts'
import { createPolicyEngine } from './policy/engine.ts'
import { createCounters } from './proxy/counters.ts'
import { createDefinitions } from './proxy/definitions.ts'
import { createEndpoint } from './proxy/endpoint.ts'
import { createSessions } from './proxy/sessions.ts'
import { createOwnTasks } from './proxy/own-tasks.ts'
import { createTurns } from './proxy/turns.ts'
import { createRecorder } from './record/recorder.ts'
import { createRooms } from './rooms.ts'
import { stores } from './store/index.ts'
import { createUpstreams } from './upstreams.ts'
import { checkParamHeaders, mirrorParams, paramHeaders, readHead, readPost, readVisit } from './wire/door.ts'
import { printJson } from './wire/json.ts'
import { sseComment, writeSseEvent } from './wire/sse.ts'

export interface GatewayOptions {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly logger?: Logger
  readonly clock?: Clock
  readonly ids?: Ids
}
export interface Gateway {
  /** Listens once policies are active and the store is open; rejects with a text for people if that cannot be. */
  listen(): Promise<{ readonly url: string }>
  /** Takes nothing new, lets what runs finish for up to half a minute, and closes everything. */
  close(): Promise<void>
  readonly metrics: Metrics
  readonly pipeline: Pipeline
}

const sweepEvery = 60_000
const drainFor = 30_000

/** Settings become parts, in the order in which they stand on one another. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, secrets, clock = Date.now, ids = ownIds } = options
  const detectors = createDetectors(Object.fromEntries(Object.entries(settings.detectors).map(([name, { pattern }]) => [name, patternOf(pattern)])))
  const clean = (text: string) => redactText(text, detectors)
  const scanBody = (body: Json) => scan(body, detectors)
  const logger = options.logger ?? createLogger({ level: settings.logging.level }, clean)
  const metrics = createMetrics()

  const store = await stores[settings.store.kind]({ path: settings.store.path, logger, observe: { committed: (size, ms) => metrics.committed({ size, seconds: ms / 1000 }) } })
  const recorder = createRecorder<Scan>({ store: store.records, redact: (message, found, masks) => redact(message, found, masks, scanBody), redactText: clean, print: printJson, clock, logger })
  const approvals = createApprovals({ store: store.approvals, clock, ids, key: secrets.storeKey(), redactText: clean, logger })
  const engine = createPolicyEngine({ detectors: detectors.names, logger })
  const opa = createOpa()
  const pipeline = createPipeline({ ...(await readBuildOptions(detectors.names)), opa, engine, logger, clock, source: createDirectorySource(settings.policy.source.path), onRun: ({ error }) => metrics.policyRun(error === undefined) })
  const upstreams = createUpstreams(settings, secrets, clean, logger)
  const identity = createIdentity({ issuers: settings.identity.issuers, publicUrl: settings.public_url, clock, logger })

  const patience = { without: settings.approvals.hold, withProgress: settings.approvals.hold_with_progress, silence: settings.limits.upstream_idle }
  const rooms = {
    ...createRooms({ limits: settings.limits, detectors, upstreams, engine, recorder, approvals, meters: metrics.meters, patience, clock, ids, logger }),
    counters: createCounters(clock),
    definitions: createDefinitions(printJson),
    turns: createTurns(settings.limits.calls_per_person),
    tasks: createOwnTasks(clock, metrics.meters.unjudged),
  }
  const sessions = createSessions(rooms, { all: settings.limits.sessions, perPrincipal: settings.limits.sessions_per_person })
  metrics.watch({ queued: () => store.state().queued, sessions: sessions.count, bundleAge: () => ageOf(pipeline, clock) })

  let closing = false
  const endpoint = createEndpoint({
    rooms, sessions, limits: settings.limits,
    upstream: (name) => upstreams.get(name),
    resolve: async (rawHeaders, upstream, url) => {
      const resolved = await identity.resolve({ rawHeaders, audience: `${settings.public_url}/mcp/${upstream}`, url })
      if (resolved.ok) return { ok: true, caller: { actor: resolved.actor, expiresAt: resolved.token.expires_at } }
      return { ok: false, ...resolved.refusal }
    },
    door: {
      readHead, readVisit, readPost,
      mirrored: (rawHeaders) => ({
        check: (schema, args, id) => checkParamHeaders(rawHeaders, schema, args, id),
        remake: (schema, args) => mirrorParams(schema, args, paramHeaders(rawHeaders)),
      }),
    },
    sse: { writeEvent: writeSseEvent, comment: sseComment() },
    isClosing: () => closing,
  })
  const resolveAdmin = async (rawHeaders: readonly string[], url: string) => {
    const resolved = await identity.resolve({ rawHeaders, audience: `${settings.public_url}/api/v1`, url })
    if (resolved.ok) return { ok: true, actor: resolved.actor } as const
    const { status, code, message, headers } = resolved.refusal
    return { ok: false, status, code, message, ...(headers['WWW-Authenticate'] === undefined ? {} : { www_authenticate: headers['WWW-Authenticate'] }) } as const
  }
  const admin = createAdminRouter({
    resolve: (request) => resolveAdmin(request.rawHeaders, request.originalUrl),
    roles: settings.admin.roles, sessions: store.records, approvals, logger,
    policy: pipeline.status,
    upstreams: () => Object.entries(settings.upstreams).map(([name, own]) => ({ name, kind: 'url' in own ? 'http' : 'stdio', labels: own.labels, endpoint: `${settings.public_url}/mcp/${name}` })),
  })

  const printMetrics: RequestHandler = async (_request, response) => void response.type(metrics.contentType).send(await metrics.print())
  const app = createApp({
    hostGuard: createHostGuard({ hosts: settings.allowed_hosts, origins: settings.allowed_origins }),
    identityRoutes: createIdentityRoutes({ hasUpstream: (name) => upstreams.has(name), protectedResourceMetadata: identity.protectedResourceMetadata }),
    endpoint, admin, logger,
    metrics: settings.metrics === undefined ? guardMetrics(printMetrics, resolveAdmin) : undefined,
    readiness: () => [
      ...(engine.active() === undefined ? ['no policy bundle is active'] : []),
      ...(store.state().writable ? [] : ['the store cannot be written']),
      ...(closing ? ['the gateway is shutting down'] : []),
    ],
  })
  // Slow clients are cut off: headers within 10 s, whole requests within 40 s, answered or not; answers may stream for hours.
  const server = http.createServer({ headersTimeout: 10_000, requestTimeout: 40_000, keepAliveTimeout: 65_000, maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 5_000 }, app)
  server.maxConnections = settings.limits.connections
  const metricsServer = settings.metrics === undefined ? undefined : http.createServer((request, response) => void serveMetrics(metrics, request.url, response))
  const sweeper = setInterval(() => void sessions.sweep(), sweepEvery).unref()

  const close = async () => {
    if (closing) return
    closing = true
    clearInterval(sweeper)
    const ended = Promise.all([server, metricsServer].map((one) => one !== undefined && closeServer(one)))
    await drain(sessions, clock)
    await sessions.close()
    server.closeAllConnections()
    metricsServer?.closeAllConnections()
    await ended
    for (const upstream of upstreams.values()) await upstream.close()
    approvals.close()
    await pipeline.close()
    await opa.close()
    await engine.close()
    await store.close()
  }

  return {
    metrics, pipeline, close,
    async listen() {
      try {
        const unknown = await recorder.closeInterrupted()
        if (unknown > 0) logger.warn('calls were in flight when the gateway last stopped; their outcome is unknown', { calls: unknown })
        const run = await pipeline.run()
        if (engine.active() === undefined) throw new Error(`the policies of ${settings.policy.source.path} cannot be used:\n${run.error ?? 'no bundle was built'}`)
        const { host, port } = settings.listen
        const bound = await listenOn(server, host, port)
        if (metricsServer !== undefined && settings.metrics !== undefined) await listenOn(metricsServer, settings.metrics.host, settings.metrics.port)
        logger.info('listening', { host, port: bound, public_url: settings.public_url, bundle: engine.active()?.digest })
        return { url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` }
      } catch (error) {
        await close()
        throw error
      }
    },
  }
}

const ownIds: Ids = {
  session: () => `ses_${randomUUID()}`,
  exchange: () => `exg_${randomUUID()}`,
  approval: () => `apr_${randomUUID()}`,
  secret: () => randomBytes(24).toString('base64url'),
}

function patternOf(pattern: string) {
  const made = createPatternDetector(pattern)
  if (!made.ok) throw new Error(made.problem)
  return made.find
}

function ageOf(pipeline: Pipeline, clock: Clock): number | undefined {
  const { active } = pipeline.status()
  return active === undefined ? undefined : (clock() - Date.parse(active.activated_at)) / 1000
}

/** `/metrics` on the main port: for loopback as it is, for anybody else with a token of the API. */
const guardMetrics = (print: RequestHandler, resolve: (rawHeaders: readonly string[], url: string) => Promise<{ readonly ok: boolean }>): RequestHandler => async (request, response, next) => {
  const address = request.socket.remoteAddress ?? ''
  const isLocal = address === '::1' || /^(?:::ffff:)?127\./.test(address)
  // Behind a proxy on the same machine everybody comes from loopback; what a proxy adds tells it.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined
  if ((isLocal && !isForwarded) || (await resolve(request.rawHeaders, request.originalUrl)).ok) return print(request, response, next)
  response.status(401).set('WWW-Authenticate', 'Bearer').type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title: 'a token is needed', status: 401 }))
}

async function serveMetrics(metrics: Metrics, url: string | undefined, response: http.ServerResponse): Promise<void> {
  if (url !== '/metrics') return void response.writeHead(404).end()
  response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.print())
}

const listenOn = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} on ${host} is taken: stop what listens there, or set another port`, { cause: error }) : error)
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      resolve((server.address() as AddressInfo).port) // a TCP server that listens has one
    })
  })

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    if (!server.listening) return resolve()
    server.close(() => resolve())
    server.closeIdleConnections()
  })

async function drain(sessions: { isBusy(): boolean; endStreams(): void }, clock: Clock): Promise<void> {
  sessions.endStreams()
  const until = clock() + drainFor
  while (sessions.isBusy() && clock() < until) await new Promise((resolve) => setTimeout(resolve, 20))
}
