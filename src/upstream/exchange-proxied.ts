import { EventEmitter } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { createProxyMiddleware, type Plugin } from 'http-proxy-middleware'
import { GatewayError } from '../errors.ts'
import { faultOf, idleFor, tlsOptions, type ExchangeInput, type ExchangeOutput, type ExchangeWith, type TlsIdentity } from './exchange.ts'
import { StreamedBody } from './streamed-body.ts'

class GatewayRequest extends Readable {
  readonly url = '/'
  readonly httpVersion = '1.1'
  readonly httpVersionMajor = 1
  // httpxy takes a socket that is not writable for a client that went away.
  readonly socket = { writable: true }
  readonly method: string
  readonly headers: Record<string, string>
  /** Before that nothing is sent: there is no connection, or its server's certificate was not looked at. */
  isConnected = false
  answered: (output: ExchangeOutput, answer: IncomingMessage) => void = () => undefined
  failed: (error: Error & { code?: string }) => void = () => undefined
  #body: string | undefined

  constructor(input: ExchangeInput) {
    // A text that stays one goes out with the head in one write.
    super({ encoding: 'utf8' })
    this.method = input.method
    this.#body = input.body
    this.headers = { ...input.headers }
    if (input.body !== undefined) this.headers['content-length'] = String(Buffer.byteLength(input.body))
  }

  override _read(): void {
    if (this.#body !== undefined) this.push(this.#body, 'utf8')
    this.#body = undefined
    this.push(null)
  }
}

/** Stands where httpxy expects the client's response, so that a client that leaves does not end the exchange with the server. */
class DetachedResponse extends EventEmitter {
  readonly headersSent = false
  readonly finished = false
  writableFinished = false
  destroyed = false

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

function whenConnected(socket: Socket | null, then: () => void): void {
  const isSecure = socket instanceof TLSSocket
  const isWaiting = isSecure ? !socket.authorized : socket?.connecting === true
  if (isWaiting) socket?.once(isSecure ? 'secureConnect' : 'connect', then)
  else then()
}

const settlePlugin: Plugin<IncomingMessage, ServerResponse> = (proxy) => {
  const failed = (error: Error, request: unknown) => {
    if (request instanceof GatewayRequest) request.failed(error)
  }
  proxy.on('proxyRes', (answer, request: unknown) => {
    if (request instanceof GatewayRequest) request.answered({ status: answer.statusCode ?? 502, headers: answer.headers, body: new StreamedBody(answer) }, answer)
  })
  proxy.on('proxyReq', (outgoing, request: unknown) => {
    whenConnected(outgoing.socket, () => {
      if (request instanceof GatewayRequest) request.isConnected = true
    })
    // Nobody asked to speak another protocol; where nobody listens for it, Node only closes the socket.
    outgoing.once('upgrade', (_answer, socket) => {
      socket.destroy()
      failed(new Error('the server wants to speak another protocol'), request)
    })
  })
  proxy.on('error', failed)
  proxy.on('econnreset', failed)
}

/** Streams of events, and what ends them: each may stay open for hours. */
export function createProxiedExchange(url: string, tls?: TlsIdentity): { exchange: ExchangeWith; close(): void } {
  const secure = url.startsWith('https:')
  const agentOptions = { keepAlive: true, timeout: idleFor, scheduling: 'lifo' as const }
  const agent = secure ? new https.Agent({ ...agentOptions, ...tlsOptions(tls) }) : new http.Agent(agentOptions)
  const forward = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: url,
    ignorePath: true,
    changeOrigin: true,
    agent,
    secure: true,
    selfHandleResponse: true,
    ejectPlugins: true,
    plugins: [settlePlugin],
  })

  const exchange: ExchangeWith = (input) =>
    new Promise((resolve, reject) => {
      if (input.signal.aborted) return reject(new GatewayError('upstream_unreachable', { detail: 'aborted before it was sent' }))
      const request = new GatewayRequest(input)
      const response = new DetachedResponse()
      const cancel = () => response.destroy()
      const timer = input.headersTimeout > 0 ? setTimeout(() => request.failed(new GatewayError('upstream_timeout')), input.headersTimeout) : undefined
      let settled = false
      const settle = (finish: () => void) => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        finish()
      }
      request.answered = (output, answer) =>
        settle(() => {
          // Once it is read to its end, its socket may serve another exchange already.
          const release = () => input.signal.removeEventListener('abort', cancel)
          answer.once('end', release)
          answer.once('close', release)
          resolve(output)
        })
      request.failed = (error) =>
        settle(() => {
          input.signal.removeEventListener('abort', cancel)
          response.destroy()
          reject(faultOf(error, input.signal, !request.isConnected))
        })
      input.signal.addEventListener('abort', cancel, { once: true })
      const next = (error?: unknown) => request.failed((error as Error | undefined) ?? new Error('not forwarded')) // what httpxy throws are errors
      // The two objects carry all that httpxy reads of a request and response; a real pair would tie the exchange to the client's socket.
      void forward(request as unknown as IncomingMessage, response as unknown as ServerResponse, next)
    })
  return { exchange, close: () => agent.destroy() }
}
