// What reading a body takes of memory, measured in a process that has nothing else in it: a process of Jest's holds what many suites left, and each
// of the collections here would go through all of it. Run with --expose-gc; what it found goes to the process that started it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { readBody, type Body } from '../../src/proxy/body.ts'
import type { Load } from '../../src/proxy/incoming.ts'

const KiB = 1024
const MiB = 1024 * KiB

export interface MemoryFound {
  /** A body in pieces of one byte. */
  readonly pieces: { readonly size: number; readonly taken: number; readonly isWhole: boolean }
  /** Bodies that are refused when half of them is there. */
  readonly refused: { readonly each: number; readonly taken: number; readonly outcomes: readonly string[] }
}

let load: Load & { readonly taken: number }
const outcomes: Promise<Body | 'refused'>[] = []
const roomFor = (most: number): typeof load => {
  let taken = 0
  return {
    get taken() {
      return taken
    },
    take: (bytes) => (taken += bytes) <= most,
    end: () => undefined,
  }
}

/** The least of some: what buffers held is given back a little later than collected. */
async function memoryNow(): Promise<number> {
  let least = Infinity
  for (let time = 0; time < 10; time++) {
    globalThis.gc?.()
    await new Promise(setImmediate)
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}
const isTold = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise(setImmediate)
}

const server = createServer((request) => void outcomes.push(readBody(request, MiB, load).catch(() => 'refused' as const)))
await once(server.listen(0, '127.0.0.1'), 'listening')
const begin = (head: string): Socket => {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`)
  return socket
}

async function inPieces(): Promise<MemoryFound['pieces']> {
  load = roomFor(MiB)
  const before = await memoryNow()
  const socket = begin('Transfer-Encoding: chunked')
  const size = 128 * KiB
  for (let sent = 0; sent < size; sent += KiB) socket.write('1\r\nx\r\n'.repeat(KiB))
  await isTold(() => load.taken === size)
  const taken = (await memoryNow()) - before
  socket.end('0\r\n\r\n')
  const body = await outcomes[0]
  socket.destroy()
  return { size, taken, isWhole: body !== 'refused' && body?.ok === true && Buffer.from(body.bytes).equals(Buffer.alloc(size, 'x')) }
}

async function whileRefused(): Promise<MemoryFound['refused']> {
  const each = 512 * KiB
  outcomes.splice(0)
  load = roomFor(16 * each - 1)
  const before = await memoryNow()
  const piece = Buffer.alloc(each)
  const sockets = Array.from({ length: 16 }, () => begin(`Content-Length: ${MiB}`))
  for (const socket of sockets) socket.write(piece)
  await isTold(() => load.taken >= 16 * each)
  const first = await Promise.race(outcomes)
  load = roomFor(0)
  for (const socket of sockets) socket.write('x')
  const all = await Promise.all(outcomes)
  return { each, taken: (await memoryNow()) - before, outcomes: [first, ...all].map((outcome) => (outcome === 'refused' ? outcome : 'read')) }
}

const found: MemoryFound = { pieces: await inPieces(), refused: await whileRefused() }
process.send?.(found, () => process.exit())
