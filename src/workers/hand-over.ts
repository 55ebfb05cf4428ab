import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

export interface HandOver {
  /** Lets another worker answer a request of which nothing but the head was read. */
  handOver(request: IncomingMessage, response: ServerResponse, slot: number): void
  /** Whether a request is still being answered elsewhere. */
  isBusy(): boolean
  close(): void
}

/** About one connection, not about the message on it (RFC 9110 section 7.6.1); what was expected was already answered (section 10.1.1), and trailers are not passed on. */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'expect', 'te', 'trailer'])
const retryLater = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -33002, message: 'a part of the gateway is starting again; try again' } })

/**
 * To the worker that a caller belongs to, over its socket in a directory that only this user can enter. The request goes as it came,
 * token and all, and is checked there like any other: nothing is believed for having come this way.
 */
export function createHandOver({ socketOf, mostBody }: { readonly socketOf: (slot: number) => string; readonly mostBody: number }): HandOver {
  const agent = new http.Agent({ keepAlive: true, keepAliveMsecs: 60_000 })
  let open = 0

  return {
    handOver(request, response, slot) {
      const headers = endToEnd(request.rawHeaders)
      const onward = http.request({ agent, socketPath: socketOf(slot), method: request.method, path: request.url, headers, setDefaultHeaders: false })
      let isConnected = false
      const send = () => {
        isConnected = true
        passBody(request, onward, mostBody)
      }
      onward.once('socket', (socket) => void (socket.connecting ? socket.once('connect', send) : send()))
      onward.on('error', () => {
        // Nothing was sent where there was no connection. Once there was one the call may have run: its client is cut off, as it would be on a connection of its own.
        if (isConnected || response.headersSent) return void response.destroy()
        request.resume()
        response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1', 'content-length': Buffer.byteLength(retryLater), connection: 'close' }).end(retryLater)
      })
      onward.on('response', (answer) => {
        const closes = answer.headers.connection === 'close' ? ['connection', 'close'] : []
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, [...endToEnd(answer.rawHeaders), ...closes])
        response.flushHeaders()
        pipeline(answer, response, () => undefined)
      })
      open += 1
      response.on('close', () => {
        open -= 1
        onward.destroy()
      })
    },
    isBusy: () => open > 0,
    close: () => agent.destroy(),
  }
}

/** One that is too large is passed on until it is; the rest is read and thrown away, so that the refusal is not lost to a broken pipe. */
function passBody(request: IncomingMessage, onward: ClientRequest, most: number): void {
  if (Number(request.headers['content-length'] ?? 0) > most) {
    onward.flushHeaders()
    return void request.resume()
  }
  let passed = 0
  request.on('data', (chunk: Buffer) => {
    if (passed > most || onward.destroyed) return
    passed += chunk.length
    if (onward.write(chunk)) return
    request.pause()
    onward.once('drain', () => request.resume())
  })
  request.on('end', () => {
    if (passed <= most) onward.end()
  })
}

const endToEnd = (rawHeaders: readonly string[]): readonly string[] => {
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}
