/**
 * One keep-alive connection with one request at a time, over a bare socket: the load generator shares two cores with what it
 * measures, and a full HTTP client would take as much of them as the gateway.
 */
import net from 'node:net'

export interface Reply {
  readonly status: number
  readonly head: string
  readonly body: string
}
export interface Connection {
  request(head: string, body: string): Promise<Reply>
  close(): void
}

const headEnd = Buffer.from('\r\n\r\n')

export function connect(port: number): Promise<Connection> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  let waiting: { resolve(reply: Reply): void; reject(error: Error): void } | undefined
  let chunks: Buffer[] = []
  let size = 0
  let needed = 0

  const fail = (error: Error) => {
    const before = waiting
    waiting = undefined
    before?.reject(error)
  }
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the connection was closed')))
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (size < needed) return
    const whole = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    const read = readReply(whole)
    if (typeof read === 'number') {
      chunks = [whole]
      needed = read
      return
    }
    chunks = []
    size = 0
    needed = 0
    const before = waiting
    waiting = undefined
    before?.resolve(read)
  })
  const connection: Connection = {
    request: (head, body) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      }),
    close: () => socket.destroy(),
  }
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(connection))
    socket.once('error', reject)
  })
}

/** The reply, or how many bytes it must at least have. */
function readReply(bytes: Buffer): Reply | number {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return bytes.length + 1
  const head = bytes.toString('latin1', 0, end)
  const from = end + headEnd.length
  const status = Number(head.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const to = from + Number(length)
    return bytes.length < to ? to : { status, head, body: bytes.toString('latin1', from, to) }
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, head, body: '' }
  const body = readChunks(bytes, from)
  return typeof body === 'number' ? body : { status, head, body }
}

function readChunks(bytes: Buffer, from: number): string | number {
  let body = ''
  let at = from
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return bytes.length + 1
    const size = parseInt(bytes.toString('latin1', at, line), 16)
    const to = line + 2 + size
    if (bytes.length < to + 2) return to + 2
    if (size === 0) return body
    body += bytes.toString('latin1', line + 2, to)
    at = to + 2
  }
}
