import type { IncomingHttpHeaders } from 'node:http'
import { Pool, type Dispatcher } from 'undici'
import type { Signal } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import { faultOf, idleFor, Outdated, tlsOptions, type ExchangeInput, type ExchangeOutput, type ExchangeWith, type TlsIdentity } from './exchange.ts'
import { PushedBody } from './pushed-body.ts'

/** Calls: a pool of sockets, one exchange on each at a time. */
export function createPooledExchange(url: string, tls?: TlsIdentity): { exchange: ExchangeWith; close(): void } {
  const { origin, pathname, search } = new URL(url)
  const path = `${pathname}${search}`
  const pool = new Pool(origin, { pipelining: 1, keepAliveTimeout: idleFor, keepAliveMaxTimeout: idleFor, bodyTimeout: 0, connect: tlsOptions(tls) })
  return {
    exchange: (input) =>
      new Promise((resolve, reject) => {
        if (input.signal.aborted) return reject(new GatewayError('upstream_unreachable', { detail: 'aborted before it was sent' }))
        const { method, headers, body, headersTimeout } = input
        pool.dispatch({ path: input.path ?? path, method, headers, body: body ?? null, headersTimeout }, new OneExchange(input, resolve, reject))
      }),
    close: () => void pool.destroy(),
  }
}

class OneExchange implements Dispatcher.DispatchHandler {
  readonly #signal: Signal
  readonly #mayBegin: (() => boolean) | undefined
  readonly #resolve: (output: ExchangeOutput) => void
  readonly #reject: (fault: GatewayError | Outdated) => void
  #controller: Dispatcher.DispatchController | undefined
  #body: PushedBody | undefined

  constructor({ signal, mayBegin }: ExchangeInput, resolve: (output: ExchangeOutput) => void, reject: (fault: GatewayError | Outdated) => void) {
    this.#mayBegin = mayBegin
    this.#signal = signal
    this.#resolve = resolve
    this.#reject = reject
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  readonly #abort = () => {
    const reason = new Error('aborted')
    this.#controller?.abort(reason)
    if (this.#controller === undefined) this.onResponseError(undefined, reason)
  }

  // undici calls it when it has a connection, in the same turn in which it writes; what it throws keeps it from writing.
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#mayBegin?.() === false) throw new Outdated()
    this.#controller = controller
    if (this.#signal.aborted) controller.abort(new Error('aborted'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return // RFC 9110 section 15.2: interim
    this.#body = new PushedBody(controller)
    this.#resolve({ status, headers, body: this.#body })
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body?.push(chunk)
  }

  onResponseEnd(): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#body?.end()
  }

  onResponseError(_controller: unknown, error: Error & { code?: string }): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#body?.fail(error)
    if (this.#body !== undefined) return
    if (error instanceof Outdated) return this.#reject(error)
    this.#reject(error.code === 'UND_ERR_HEADERS_TIMEOUT' ? new GatewayError('upstream_timeout') : faultOf(error, this.#signal, this.#controller === undefined))
  }
}
