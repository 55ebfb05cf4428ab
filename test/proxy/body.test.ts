import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readBody, type Body } from '../../src/proxy/body.ts'
import type { Load } from '../../src/proxy/incoming.ts'

const KiB = 1024
const MiB = 1024 * KiB
const roomFor = (most: number): Load & { readonly taken: number } => {
  let taken = 0
  return {
    get taken() {
      return taken
    },
    take: (bytes) => (taken += bytes) <= most,
    end: () => undefined,
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** The least of some: what buffers held is given back a little later than collected. */
async function memoryNow(): Promise<number> {
  let least = Infinity
  for (let time = 0; time < 10; time++) {
    collect()
    await new Promise(setImmediate)
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}

describe('the body of a request', () => {
  let server: Server
  let load: Load & { readonly taken: number }
  const outcomes: Promise<Body | 'refused'>[] = []
  const sockets: Socket[] = []
  const isTold = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise(setImmediate)
  }

  beforeAll(async () => {
    server = createServer((request) => void outcomes.push(readBody(request, MiB, load).catch(() => 'refused' as const)))
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  beforeEach(() => void outcomes.splice(0))
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })
  afterAll(() => server.close())

  const begin = (head: string): Socket => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`)
    return socket
  }

  test('takes about as much memory as it has bytes, in however small pieces it comes', async () => {
    load = roomFor(MiB)
    const before = await memoryNow()
    const socket = begin('Transfer-Encoding: chunked')
    const size = 128 * KiB
    for (let sent = 0; sent < size; sent += KiB) socket.write('1\r\nx\r\n'.repeat(KiB))
    await isTold(() => load.taken === size)
    expect((await memoryNow()) - before).toBeLessThan(8 * size)
    socket.end('0\r\n\r\n')
    const body = await outcomes[0]
    expect(body).toMatchObject({ ok: true })
    expect(body !== 'refused' && body?.ok === true && Buffer.from(body.bytes).equals(Buffer.alloc(size, 'x'))).toBe(true)
  })

  test('that is refused while it arrives is not kept until the rest has come', async () => {
    const each = 512 * KiB
    load = roomFor(16 * each - 1)
    const before = await memoryNow()
    const piece = Buffer.alloc(each)
    for (let at = 0; at < 16; at++) begin(`Content-Length: ${MiB}`).write(piece)
    await isTold(() => load.taken >= 16 * each)
    expect(await Promise.race(outcomes)).toBe('refused')
    load = roomFor(0)
    for (const socket of sockets) socket.write('x')
    await Promise.all(outcomes)
    expect((await memoryNow()) - before).toBeLessThan(4 * each)
  })
})
