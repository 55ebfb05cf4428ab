import http, { type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'

// Slow clients are cut off: headers within 10 s, whole requests within 40 s, answered or not; answers may stream for hours.
export const createServer = (handle: RequestListener): Server =>
  http.createServer({ headersTimeout: 10_000, requestTimeout: 40_000, keepAliveTimeout: 65_000, maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 5_000 }, oneAfterAnother(handle))

/** Hardly any client asks again before it is answered (RFC 9112 section 9.3.2), and none of MCP so often: a socket full of requests would keep everybody waiting. */
const mostUnanswered = 16

function oneAfterAnother(handle: RequestListener): RequestListener {
  const unanswered = new WeakMap<Socket, number>()
  return (request, response) => {
    const { socket } = request
    // What was read together with one request too many is still handed over.
    if (socket.destroyed) return
    const count = (unanswered.get(socket) ?? 0) + 1
    if (count > mostUnanswered) return void socket.destroy()
    unanswered.set(socket, count)
    response.on('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
    handle(request, response)
  }
}

/** The port of its own for `/metrics`. */
export const createMetricsServer = (metrics: { readonly contentType: string; print(): Promise<string> }): Server =>
  http.createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    metrics.print().then(
      (text) => void response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => void response.writeHead(503).end(),
    )
  })

/** Resolves with the port, or rejects with a text for people. */
export const listenOn = (server: NetServer, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} on ${host} is taken: stop what listens there, or set another port`, { cause: error }) : error)
    server.once('error', fail)
    server.listen(port, host, () => {
      server.off('error', fail)
      resolve((server.address() as AddressInfo).port) // a TCP server that listens has one
    })
  })

export const urlOf = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`

export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    if (!server.listening) return resolve()
    server.close(() => resolve())
    server.closeIdleConnections()
  })
