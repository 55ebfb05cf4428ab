import './repaired-json.ts'
import { chmodSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { createSecrets } from './config/secrets.ts'
import { createCore, type Core } from './core/core.ts'
import { createServer } from './listening.ts'
import type { BundleDigest } from './model.ts'
import type { BuiltBundle } from './policy/bundle.ts'
import { createGroups } from './workers/groups.ts'
import { createHandOver } from './workers/hand-over.ts'
import { createLine, type Peer } from './workers/line.ts'
import { ownerOf } from './workers/owner.ts'
import { shareOf, socketIn, type OfSupervisor, type OfWorker, type Order } from './workers/words.ts'

// One of several processes that serve: started by `supervisor.ts`, which hands it connections.

/** Whoever goes back to an older bundle waits until it is built again. */
const rebuildWithin = 120_000
/** Connections of the gateway's port. What comes in by the socket of its own was handed over by another worker. */
const ofThePort = new WeakSet<Socket>()
let running: ReturnType<typeof run> | undefined
let directory: string | undefined
const groups = createGroups()
const started = () => {
  if (running === undefined) throw new Error('it was not started')
  return running
}

const line = createLine<OfSupervisor, OfWorker>(
  process as Peer,
  {
    async start(order) {
      directory = order.directory
      await (running = run(order))
    },
    load: async (bundle) => (await started()).load(bundle),
    activate: async (bundle) => (await started()).activate(bundle),
    switch: async (digest) => (await started()).switch(digest),
    shadow: async (bundle) => (await started()).core.shadow?.activate(bundle),
    shadowSeen: async () => (await started()).core.shadow?.report(),
    stale: async (isStale) => (await started()).core.engine.setStale(isStale),
    open: async () => (await started()).open(),
    pulse: () => undefined,
    missing: async () => (await started()).core.missing(),
    metrics: async () => (await started()).core.metrics.snapshot(),
    approvalChanged: async (id) => (await started()).core.approvalChanged(id),
    peopleChanged: async (news) => (await started()).core.peopleChanged(news),
    async close() {
      directory = undefined // the supervisor's to remove
      await (await started()).close()
    },
  },
  { accept: (socket, head) => void running?.then(({ accept }) => accept(socket, head)) },
)
// Ending is the supervisor's to say, whoever else is told by the terminal or the service manager; without it nobody would start what ends here.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.once('disconnect', () => {
  groups.endAll()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  process.exit()
})

async function run({ slot, count, since, files, directory, settings, secrets }: Order) {
  const handOver = createHandOver({ socketOf: (other) => socketIn(directory, other), mostBody: settings.limits.request })
  const core: Core = await createCore({
    settings,
    secrets: createSecrets(secrets.values, secrets.storeKey),
    surroundings: {
      policy: () => line.ask('policy', undefined),
      look: () => void line.ask('look', undefined).catch(() => undefined),
      bundle: (digest) => line.ask('bundle', digest),
      desk: () => ({
        rollback: (digest, wish) => line.ask('rollback', { ...wish, digest }, rebuildWithin),
        release: (wish) => line.ask('release', wish, rebuildWithin),
        kept: () => line.ask('kept', undefined),
        acts: (limit) => line.ask('acts', limit),
      }),
      missing: () => line.ask('missing', undefined),
      printMetrics: () => line.ask('metrics', undefined),
      member: {
        slot, count, since, files,
        isBusy: handOver.isBusy,
        approvalChanged: (id) => void line.ask('approvalChanged', id).catch(() => undefined),
        peopleChanged: (news) => line.ask('peopleChanged', news).catch(() => undefined),
        tally: (...counted) => line.ask('tally', counted),
        follow(pid) {
          groups.began(pid)
          void line.ask('childBegan', pid).catch(() => undefined)
          return () => {
            groups.ended(pid)
            void line.ask('childEnded', pid).catch(() => undefined)
          }
        },
        isElsewhere(request, response, { issuer, subject }) {
          const owner = ownerOf(issuer, subject, count)
          if (owner === slot) return false
          // All count alike, so what was handed over is never handed on.
          if (!ofThePort.has(request.socket)) throw new Error('a request was handed to a worker that does not own it')
          handOver.handOver(request, response, owner)
          counts.handedOver()
          return true
        },
      },
    },
  })
  await core.recover()
  const counts = core.metrics.watchHandOvers()
  const server = createServer(core.app)
  const mostConnections = shareOf(settings.limits.connections, count)
  let connections = 0
  let loaded: BuiltBundle | undefined

  return {
    core,
    activate: (bundle: BuiltBundle) => core.engine.activate(bundle),
    async load(bundle: BuiltBundle | undefined) {
      await core.engine.load(bundle)
      loaded = bundle
    },
    async switch(digest: BundleDigest) {
      const bundle = loaded
      loaded = undefined
      if (bundle?.digest !== digest) throw new Error(`${digest} was not loaded`)
      await core.engine.activate(bundle)
    },
    open: () =>
      new Promise<void>((resolve, reject) => {
        const path = socketIn(directory, slot)
        rmSync(path, { force: true }) // its predecessor's, if that was killed
        server.once('error', reject)
        server.listen(path, () => {
          chmodSync(path, 0o600)
          resolve()
        })
      }),
    accept(socket: Socket, head: Buffer) {
      if (!server.listening || connections >= mostConnections) return void socket.destroy()
      connections += 1
      socket.once('close', () => (connections -= 1))
      ofThePort.add(socket)
      // As on a server's own connections: what a client's end of writing means is for the HTTP server to say.
      socket.allowHalfOpen = true
      socket.unshift(head)
      server.emit('connection', socket)
    },
    async close() {
      await core.drain([server])
      handOver.close()
      await core.close()
    },
  }
}
