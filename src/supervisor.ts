import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { joinReports } from './bundle/compare/shadow.ts'
import { runShadow, type ShadowRunner } from './bundle/compare/shadow-source.ts'
import { createPipeline } from './bundle/pipeline/activate.ts'
import { whyNothing } from './bundle/pipeline/run.ts'
import { nameOf } from './bundle/source/create.ts'
import { createOpa } from './bundle/opa.ts'
import { readPrepareOptions } from './bundle/pipeline/options.ts'
import { interrupted } from './core/core.ts'
import { detectorsOf } from './core/detectors.ts'
import { redactText } from './enforce/redact.ts'
import { ageOf, type Gateway, type GatewayOptions } from './gateway.ts'
import { createMetricsServer, closeServer, listenOn, urlOf } from './listening.ts'
import { createForwardClock } from './forward-clock.ts'
import { createLogger } from './logging.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createTogether } from './metrics/together.ts'
import type { Clock } from './model.ts'
import { createTally } from './oauth/rates.ts'
import { opening } from './opening.ts'
import { createOutbound } from './outbound/outbound.ts'
import { openPolicyKeeping } from './policy-keeping.ts'
import { createPolicySigner } from './policy-signing.ts'
import { createPolicySource, createShadowSource } from './policy-source.ts'
import { createReports } from './reports/reports.ts'
import { preparations } from './store/index.ts'
import { createFront } from './workers/front.ts'
import { createPeek } from './workers/peek.ts'
import { createPool } from './workers/pool.ts'
import { shareOf } from './workers/words.ts'

/** A gateway of several processes: this one listens, builds policies and keeps the others running; they serve. */
export const createSupervisor = (options: Omit<GatewayOptions, 'ids'>, count: number): Promise<Gateway> => opening((opened) => openParts(options, count, opened))

async function openParts({ settings, secrets, clock = Date.now, ...options }: Omit<GatewayOptions, 'ids'>, count: number, opened: AsyncDisposableStack): Promise<Gateway> {
  const detectors = detectorsOf(settings)
  const logger = options.logger ?? createLogger({ level: settings.logging.level }, (text) => redactText(text, detectors))
  const own = createMetrics()
  const outbound = createOutbound({ settings: settings.outbound, count: own.watchOutbound() })
  opened.defer(() => outbound.close())
  const store = preparations[settings.store.kind]({ path: settings.store.path, logger, at: clock() })
  opened.defer(() => store.release())
  if (store.interrupted > 0) logger.warn(interrupted, { calls: store.interrupted })
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-')) // 0700
  opened.defer(() => rm(directory, { recursive: true, force: true }))
  const metrics = createTogether(own, () => pool.snapshots())

  const tally = createTally(clock)
  const pool = createPool({
    order: { count, directory, files: store.files, settings, secrets: secrets.reveal() },
    now: followClock(clock, opened),
    fork: forkWorker,
    mostPassing: shareOf(settings.limits.connections, count),
    answers: {
      policy: async () => ({ ...pipeline.status(), ...reports.state(), ...(shadowing === undefined ? {} : { shadow: { ...joinReports(await pool.shadows()), error: shadowing.error() ?? null } }) }),
      look: () => source.look?.(),
      bundle: (digest) => (signer ?? policyKeeping).read(digest),
      rollback: ({ digest, ...wish }) => pipeline.rollback(digest, wish),
      release: (wish) => pipeline.release(wish),
      kept: () => pipeline.kept(),
      acts: (limit) => pipeline.acts(limit),
      tally: (counted) => tally(...counted),
      missing: () => pool.missing(),
      metrics: () => metrics.print(),
    },
    logger,
    onRestart: () => workers.restarted(),
    onGone: metrics.keep,
  })
  const workers = own.watchWorkers(pool.ready)
  const policyKeeping = await openPolicyKeeping({ settings, secrets, clock, logger, files: store.files, onAge: (age) => pool.setStale(age === 'stale') })
  opened.defer(() => policyKeeping.freshness.close())
  const opa = createOpa({ processes: 4 }) // a build and its tests, the second bundle's build, and whoever goes back waits for none of them
  opened.defer(() => opa.close())
  const source = createPolicySource(settings, secrets, outbound, undefined, clock)
  const prepare = await readPrepareOptions(settings)
  const signer = createPolicySigner(settings, secrets, clock)
  const reports = createReports({ settings, secrets, outbound, metrics: own, clock, logger })
  opened.defer(() => reports.close())
  const pipeline = createPipeline({
    ...prepare, opa, engine: reports.beside(pool), logger, clock,
    source, custody: policyKeeping.custody, freshness: policyKeeping.freshness, ...(signer === undefined ? {} : { signer }),
    onActive: () => reports.policyChanged(pipeline.status()),
    onRun(run) {
      own.policyRun(run)
      reports.policyChanged(pipeline.status())
    },
  })
  own.watchBundle(() => ageOf(pipeline, clock))
  own.watchSource(() => pipeline.status())
  const front = createFront({ peek: createPeek({ publicUrl: settings.public_url, issuers: settings.identity.issuers }), pass: pool.pass, mostWaiting: settings.limits.connections })
  const metricsServer = settings.metrics === undefined ? undefined : createMetricsServer(metrics)

  let shadowing: ShadowRunner | undefined
  const startShadow = (): void => {
    const wanted = settings.policy.shadow
    if (wanted !== undefined) shadowing = runShadow({ source: createShadowSource(settings, wanted.source, secrets, outbound, clock), build: { opa, ...prepare }, activate: pool.activateShadow, logger })
  }

  let closed: Promise<void> | undefined
  const close = () => (closed ??= opened.disposeAsync())
  opened.defer(async () => {
    if (metricsServer === undefined) return
    metricsServer.closeAllConnections()
    await closeServer(metricsServer)
  })
  // What is being fetched is given up.
  opened.defer(async () => void (await Promise.all([pool.close(), pipeline.close(), source.close?.(), shadowing?.close()])))
  opened.defer(() => front.close())

  return {
    metrics, pipeline, close,
    async listen() {
      try {
        const [, run] = await Promise.all([pool.start(), pipeline.run()])
        await reports.start()
        const { active } = pipeline.status()
        if (active === undefined) throw new Error(`the policies of ${nameOf(settings.policy.source)} cannot be used:\n${whyNothing(run)}`)
        await pool.open()
        const { host, port } = settings.listen
        const bound = await listenOn(front.server, host, port)
        if (metricsServer !== undefined && settings.metrics !== undefined) await listenOn(metricsServer, settings.metrics.host, settings.metrics.port)
        startShadow()
        logger.info('listening', { host, port: bound, public_url: settings.public_url, bundle: active.digest, workers: count })
        return { url: urlOf(host, bound) }
      } catch (error) {
        await close()
        throw error
      }
    },
  }
}

/** It is looked at all the time, so that one that starts anew later knows of a time that the clock was set back from. */
function followClock(clock: Clock, opened: AsyncDisposableStack): Clock {
  const now = createForwardClock(clock)
  const timer = setInterval(now, 1_000).unref()
  opened.defer(() => clearInterval(timer))
  return now
}

/** The number is for whoever looks at the list of processes. */
function forkWorker(slot: number): ChildProcess {
  const execArgv = [...process.execArgv.filter((flag) => !flag.startsWith('--inspect')), '--disable-warning=ExperimentalWarning']
  return fork(new URL('./worker.ts', import.meta.url), [String(slot)], { serialization: 'advanced', execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}
