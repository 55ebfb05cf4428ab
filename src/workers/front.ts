import net, { type Server, type Socket } from 'node:net'
import type { Peek } from './peek.ts'

export interface FrontOptions {
  readonly peek: Peek
  /** Takes a connection with what was read of it, and the place of whom it claims to be from. */
  readonly pass: (socket: Socket, head: Buffer, claimed: number | 'nobody') => void
  readonly mostWaiting: number
  /** Milliseconds until the first head must have come. */
  readonly headWithin?: number
}

const tooSlow = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

/** The port of the gateway where several processes serve: accepts, reads the head of the first request, and hands the connection on. */
export function createFront({ peek, pass, mostWaiting, headWithin = 10_000 }: FrontOptions): { readonly server: Server; close(): void } {
  const waiting = new Set<Socket>()
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    // Those who only connect must not take all the room.
    if (waiting.size >= mostWaiting) return void socket.destroy()
    waiting.add(socket)
    let read: Buffer = Buffer.alloc(0)
    const late = setTimeout(() => socket.end(tooSlow, () => socket.destroy()), headWithin)
    const leave = () => {
      clearTimeout(late)
      waiting.delete(socket)
    }
    const hear = (chunk: Buffer) => {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
      const claimed = peek(read)
      if (claimed === 'more') return
      stopReading(socket)
      socket.off('data', hear)
      leave()
      pass(socket, read, claimed)
    }
    socket.on('data', hear)
    socket.on('end', () => waiting.has(socket) && socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', leave)
  })
  return {
    server,
    close() {
      server.close()
      for (const socket of waiting) socket.destroy()
    },
  }
}

/**
 * What comes from now on is left in the kernel, for the process that is handed the connection: what this one still read would be
 * lost. A pause alone would go on reading into memory, so the handle itself is stopped; it is left marked as reading, so that
 * nothing starts it again.
 */
function stopReading(socket: Socket): void {
  const { _handle: handle } = socket as Socket & { readonly _handle: { readStop(): void } | null }
  handle?.readStop()
  socket.pause()
}
