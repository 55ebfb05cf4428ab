import { EventEmitter } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { createProxyMiddleware, type Plugin } from 'http-proxy-middleware'
import { GatewayError } from '../errors.ts'

export interface ExchangeInput {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
  readonly signal: AbortSignal
  /** Milliseconds until the server's response head; 0 waits for ever. */
  readonly headersTimeout: number
}
export interface ExchangeOutput {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: IncomingMessage
}
/**
 * One HTTP exchange with a server. Rejects with `GatewayError`: `upstream_unreachable` when nothing was sent for certain,
 * `upstream_broken` when it may have been, `upstream_timeout`.
 */
export type ExchangeWith = (input: ExchangeInput) => Promise<ExchangeOutput>

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])

class GatewayRequest extends Readable {
  readonly url = '/'
  readonly httpVersion = '1.1'
  readonly httpVersionMajor = 1
  // httpxy takes a socket that is not writable for a client that went away.
  readonly socket = { writable: true }
  readonly method: string
  readonly headers: Record<string, string>
  answered: (output: ExchangeOutput) => void = () => undefined
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

const settlePlugin: Plugin<IncomingMessage, ServerResponse> = (proxy) => {
  const failed = (error: Error, request: unknown) => {
    if (request instanceof GatewayRequest) request.failed(error)
  }
  proxy.on('proxyRes', (answer, request: unknown) => {
    if (request instanceof GatewayRequest) request.answered({ status: answer.statusCode ?? 502, headers: answer.headers, body: answer })
  })
  proxy.on('error', failed)
  proxy.on('econnreset', failed)
}

export function createExchange(url: string): { exchange: ExchangeWith; close(): void } {
  const secure = url.startsWith('https:')
  // Idle sockets are dropped well before common servers drop theirs: a call on a dying socket cannot be repeated.
  const agentOptions = { keepAlive: true, timeout: 4000, scheduling: 'lifo' as const }
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions)
  const forward = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: url,
    ignorePath: true,
    changeOrigin: true,
    agent,
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
      request.answered = (output) =>
        settle(() => {
          // Once it is read to its end, its socket may serve another exchange already.
          const release = () => input.signal.removeEventListener('abort', cancel)
          output.body.once('end', release)
          output.body.once('close', release)
          resolve(output)
        })
      request.failed = (error) =>
        settle(() => {
          input.signal.removeEventListener('abort', cancel)
          response.destroy()
          reject(faultOf(error, input.signal))
        })
      input.signal.addEventListener('abort', cancel, { once: true })
      const next = (error?: unknown) => request.failed((error as Error | undefined) ?? new Error('not forwarded')) // what httpxy throws are errors
      // The two objects carry all that httpxy reads of a request and response; a real pair would tie the exchange to the client's socket.
      void forward(request as unknown as IncomingMessage, response as unknown as ServerResponse, next)
    })
  return { exchange, close: () => agent.destroy() }
}

function faultOf(error: Error & { code?: string }, signal: AbortSignal): GatewayError {
  if (error instanceof GatewayError) return error
  const code = neverSent.has(error.code ?? '') ? 'upstream_unreachable' : 'upstream_broken'
  return new GatewayError(code, { cause: error, detail: signal.aborted ? 'aborted' : (error.code ?? error.message) })
}
