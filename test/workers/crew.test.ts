import { fork } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createPool, type PoolOptions } from '../../src/workers/pool.ts'
import { until } from '../support/conditions.ts'
import { quiet } from '../support/gateway.ts'
import { isRunning } from '../support/processes.ts'

/** A pool whose processes answer and serve nothing. */
async function startPool(patience: NonNullable<PoolOptions['patience']>) {
  const pids: number[] = []
  const pool = createPool({
    order: { count: 1 } as PoolOptions['order'], // they read nothing of it
    answers: {} as PoolOptions['answers'], // nor ask
    now: Date.now, mostPassing: 1_000,
    logger: quiet, onRestart: () => undefined, onGone: () => undefined, patience,
    fork: (slot) => {
      const child = fork(join(import.meta.dirname, '../support/plain-worker.ts'), [String(slot)], { serialization: 'advanced', execArgv: ['--no-warnings'] })
      pids.push(child.pid ?? 0)
      return child
    },
  })
  await pool.start()
  await pool.open()
  return { pool, pids }
}

test('a worker that hangs is ended, and another takes its place', async () => {
  const { pool, pids } = await startPool({ every: 20, looks: 25 })
  process.kill(pids[0] ?? 0, 'SIGSTOP')
  await until(() => pids.length === 2 && pool.ready() === 1)
  expect(isRunning(pids[0] ?? 0)).toBe(false)
  await pool.close()
})

test('connections that a worker does not take are turned away before they use up all descriptors', async () => {
  const { pool, pids } = await startPool({ every: 1_000, looks: 1_000 })
  process.kill(pids[0] ?? 0, 'SIGSTOP')
  let passed = 0
  let refused = 0
  const server = net.createServer((socket) => {
    pool.pass(socket, Buffer.alloc(0), 'nobody')
    passed += 1
    if (socket.destroyed) refused += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets = Array.from({ length: 1_010 }, () => net.connect(port, '127.0.0.1').on('error', () => undefined))
  await until(() => passed === sockets.length)
  expect(refused).toBeGreaterThanOrEqual(9) // the first is on its way in the kernel
  // And when it ends, nobody is left to wait for an answer.
  process.kill(pids[0] ?? 0, 'SIGKILL')
  await until(() => sockets.every(({ closed }) => closed))
  await until(() => pool.ready() === 1 && pids.length === 2)
  await pool.close()
  server.close()
})
