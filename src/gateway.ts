import { runShadow, type ShadowRunner } from './bundle/compare/shadow-source.ts'
import { createPipeline, type Pipeline } from './bundle/pipeline/activate.ts'
import { whyNothing } from './bundle/pipeline/run.ts'
import { nameOf } from './bundle/source/create.ts'
import { createOpa } from './bundle/opa.ts'
import { readPrepareOptions } from './bundle/pipeline/options.ts'
import { createCore, type CoreOptions } from './core/core.ts'
import { createMetricsServer, createServer, listenOn, urlOf } from './listening.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Clock } from './model.ts'
import { opening } from './opening.ts'
import { openPolicyKeeping } from './policy-keeping.ts'
import { createPolicySigner } from './policy-signing.ts'
import { createPolicySource, createShadowSource } from './policy-source.ts'
import { createReports } from './reports/reports.ts'

export type GatewayOptions = Omit<CoreOptions, 'surroundings'>
export interface Gateway {
  /** Listens once policies are active and the store is open; rejects with a text for people if that cannot be. */
  listen(): Promise<{ readonly url: string }>
  /** Takes nothing new, lets what runs finish for up to half a minute, and closes everything. */
  close(): Promise<void>
  readonly metrics: Pick<Metrics, 'contentType' | 'print'>
  readonly pipeline: Pipeline
}

/** A gateway in this process. */
export const createGateway = (options: GatewayOptions): Promise<Gateway> => opening((opened) => openParts(options, opened))

async function openParts(options: GatewayOptions, opened: AsyncDisposableStack): Promise<Gateway> {
  const { settings, secrets, clock = Date.now } = options
  const core = await createCore({
    ...options,
    surroundings: {
      policy: () => ({ ...pipeline.status(), ...reports.state(), ...(core.shadow === undefined ? {} : { shadow: { ...core.shadow.report(), error: shadowing?.error() ?? null } }) }),
      look: () => source.look?.(),
      bundle: (digest) => (signer ?? keeping).read(digest),
      desk: () => pipeline,
      missing: (own) => own(),
      printMetrics: (own) => own.print(),
    },
  })
  opened.defer(() => core.close())
  const { engine, metrics, logger } = core
  const keeping = await openPolicyKeeping({ settings, secrets, clock, logger, files: core.files, onAge: (age) => engine.setStale(age === 'stale') })
  opened.defer(() => keeping.freshness.close())
  const opa = createOpa({ processes: 4 }) // a build and its tests, the second bundle's build, and whoever goes back waits for none of them
  opened.defer(() => opa.close())
  const source = createPolicySource(settings, secrets, core.outbound, undefined, clock)
  const prepare = await readPrepareOptions(settings)
  const signer = createPolicySigner(settings, secrets, clock)
  const reports = createReports({ settings, secrets, outbound: core.outbound, metrics, clock, logger })
  opened.defer(() => reports.close())
  const pipeline = createPipeline({
    ...prepare, opa, engine: reports.beside(engine), logger, clock,
    source, custody: keeping.custody, freshness: keeping.freshness, ...(signer === undefined ? {} : { signer }),
    onActive: () => reports.policyChanged(pipeline.status()),
    onRun(run) {
      metrics.policyRun(run)
      reports.policyChanged(pipeline.status())
    },
  })
  // What is being fetched is given up.
  opened.defer(async () => void (await Promise.all([pipeline.close(), source.close?.()])))
  metrics.watchBundle(() => ageOf(pipeline, clock))
  metrics.watchSource(() => pipeline.status())
  const server = createServer(core.app)
  server.maxConnections = settings.limits.connections
  const metricsServer = settings.metrics === undefined ? undefined : createMetricsServer(metrics)

  let shadowing: ShadowRunner | undefined
  const startShadow = (): void => {
    const { shadow } = core
    const wanted = settings.policy.shadow
    if (shadow !== undefined && wanted !== undefined) shadowing = runShadow({ source: createShadowSource(settings, wanted.source, secrets, core.outbound, clock), build: { opa, ...prepare }, activate: shadow.activate, logger })
  }

  let closed: Promise<void> | undefined
  const close = () => (closed ??= opened.disposeAsync())
  opened.defer(() => shadowing?.close())
  opened.defer(() => core.drain([server, ...(metricsServer === undefined ? [] : [metricsServer])]))

  return {
    metrics, pipeline, close,
    async listen() {
      try {
        await core.recover()
        await reports.start()
        const run = await pipeline.run()
        if (engine.active() === undefined) throw new Error(`the policies of ${nameOf(settings.policy.source)} cannot be used:\n${whyNothing(run)}`)
        const { host, port } = settings.listen
        const bound = await listenOn(server, host, port)
        if (metricsServer !== undefined && settings.metrics !== undefined) await listenOn(metricsServer, settings.metrics.host, settings.metrics.port)
        startShadow()
        logger.info('listening', { host, port: bound, public_url: settings.public_url, bundle: engine.active()?.digest })
        return { url: urlOf(host, bound) }
      } catch (error) {
        await close()
        throw error
      }
    },
  }
}

/** Seconds since the active bundle was activated. */
export function ageOf(pipeline: Pick<Pipeline, 'status'>, clock: Clock): number | undefined {
  const { active } = pipeline.status()
  return active === undefined ? undefined : (clock() - Date.parse(active.activated_at)) / 1000
}
