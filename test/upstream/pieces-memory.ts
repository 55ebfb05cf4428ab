// What reading an answer in pieces of one byte takes of memory, measured in a process that has nothing else in it. Run with --expose-gc.
import { once } from 'node:events'
import { createServer, type Socket, type AddressInfo } from 'node:net'
import { createPooledExchange } from '../../src/upstream/exchange-pooled.ts'
import { createProxiedExchange } from '../../src/upstream/exchange-proxied.ts'

export interface PiecesFound {
  readonly size: number
  readonly taken: number
  readonly isWhole: boolean
}

const size = 512 * 1024
const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.once('data', () => void send(socket))
})
let isSent = false
async function send(socket: Socket): Promise<void> {
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (let sent = 0; sent < size; sent += 1024) if (!socket.write('1\r\nx\r\n'.repeat(1024))) await once(socket, 'drain')
  isSent = true
  await once(process, 'message')
  socket.write('0\r\n\r\n')
}
await once(server.listen(0, '127.0.0.1'), 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

/** The least of some: what buffers held is given back a little later than collected. */
async function memoryNow(): Promise<number> {
  let least = Infinity
  for (let time = 0; time < 10; time += 1) {
    globalThis.gc?.()
    await new Promise(setImmediate)
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}

async function measure(createExchange: typeof createPooledExchange): Promise<PiecesFound> {
  isSent = false
  const { exchange } = createExchange(url)
  const before = await memoryNow()
  const { body } = await exchange({ method: 'POST', headers: {}, body: '{}', signal: new AbortController().signal, headersTimeout: 0 })
  const whole = body.whole(size, 60_000)
  while (!isSent) await new Promise(setImmediate)
  const taken = (await memoryNow()) - before
  process.emit('message', 'end', undefined)
  return { size, taken, isWhole: Buffer.from(await whole).equals(Buffer.alloc(size, 'x')) }
}

const found = [await measure(createPooledExchange), await measure(createProxiedExchange)]
process.send?.(found, () => process.exit())
