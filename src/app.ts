import express, { type ErrorRequestHandler, type RequestHandler, type Router } from 'express'
import helmet from 'helmet'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { errorTable, GatewayError } from './errors.ts'
import type { Logger } from './model.ts'
import { html, sendPage, type Page } from './page.ts'

export interface AppParts {
  readonly mayPass: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly identityRoutes: Router
  /** Where people sign in, and what their clients ask for. */
  readonly people: readonly Router[]
  readonly endpoint: (request: IncomingMessage, response: ServerResponse, upstream: string) => Promise<void>
  /** HTTP+SSE of 2024-11-05; without a key, the stream is opened. */
  readonly sseEndpoint: (request: IncomingMessage, response: ServerResponse, upstream: string, key: string | undefined) => Promise<void>
  readonly admin: Router
  /** Absent where `/metrics` has a port of its own. */
  readonly metrics: RequestHandler | undefined
  readonly readiness: () => Promise<readonly string[]>
  /** A reader is looked at so often, in milliseconds, and cut off the first time that nothing moved since. */
  readonly readerPatience: number
  readonly logger: Logger
}

/** Every path of the gateway. What all calls take goes straight to the endpoint; everything else is Express's. */
export function createApp(parts: AppParts): RequestListener {
  const others = createOthers(parts)
  return (request, response) => {
    cutStalled(response, parts.readerPatience)
    if (!parts.mayPass(request, response)) return
    if (isFromPage(request) && answerOrigin(request, response)) return
    const url = request.url ?? ''
    const upstream = endpointPath.exec(url)?.[1]
    const [, older, key] = upstream === undefined ? (ssePath.exec(url) ?? []) : []
    if (upstream === undefined && older === undefined) return others(request, response)
    const answered = upstream === undefined ? parts.sseEndpoint(request, response, older ?? '', key) : parts.endpoint(request, response, upstream)
    answered.catch((error: unknown) => {
      parts.logger.error('a request failed', { error: error instanceof Error ? error.stack : String(error) })
      response.destroy()
    })
  }
}

const endpointPath = /^\/mcp\/([^/?#]+)(?:\?|$)/
const ssePath = /^\/mcp\/([^/?#]+)\/sse(?:\/([^/?#]+))?(?:\?|$)/

function createOthers(parts: AppParts) {
  const app = express()
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing')
  app.use(helmet())
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }))
  app.get('/readyz', async (_request, response) => {
    const missing = await parts.readiness()
    response.status(missing.length === 0 ? 200 : 503).json({ status: missing.length === 0 ? 'ready' : 'not ready', missing })
  })
  if (parts.metrics !== undefined) app.get('/metrics', parts.metrics)
  app.use(parts.identityRoutes)
  for (const routes of parts.people) app.use(routes)
  app.use('/api/v1', parts.admin)
  app.use((_request, response) => void response.status(404).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 })))
  app.use(answerFault(parts.logger))
  return app
}

const exposed = 'WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After'
const sendable = /^(?:authorization|content-type|accept|last-event-id|mcp-[a-z0-9-]{1,128})$/i

/** Looked for as it came: to have all headers by name costs every call, and hardly one comes from a page. */
const isFromPage = ({ rawHeaders }: IncomingMessage): boolean => rawHeaders.some((name, index) => index % 2 === 0 && name.length === 6 && name.toLowerCase() === 'origin')

/** Pages that may call the gateway may read what it answers; without cookies, which are for its own pages. True where that was all they asked. */
function answerOrigin({ method, headers, url }: IncomingMessage, response: ServerResponse): boolean {
  // There the pages of identity providers post, which may not call anything.
  if (headers.origin === undefined || url?.startsWith('/saml/') === true) return false
  response.setHeader('Access-Control-Allow-Origin', headers.origin).setHeader('Vary', 'Origin').setHeader('Access-Control-Expose-Headers', exposed)
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false
  const asked = (headers['access-control-request-headers'] ?? '').split(',').map((name) => name.trim()).filter((name) => sendable.test(name))
  response.writeHead(204, { 'Access-Control-Allow-Methods': 'GET, POST, DELETE', 'Access-Control-Allow-Headers': asked.join(', '), 'Access-Control-Max-Age': '600' }).end()
  return true
}

/** Whoever takes nothing of what waits for it in memory is cut off. A call that waits for its server has nothing to be read, and may wait on. */
const cutStalled = (response: ServerResponse, patience: number): void => {
  response.setTimeout(patience, () => {
    if (response.socket !== null && response.socket.writableLength > 0) response.socket.destroy()
  })
}

const retryAfter = '2'

/** What a library calls a fault of the client's is taken for one; nothing else is. */
function statusOf(error: unknown): number {
  if (error instanceof GatewayError) return error.statusCode
  const given: unknown = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof given === 'number' && given < 500 ? given : 500
}

const faultPage = (status: number, reference: string): Page => ({
  title: status === 503 ? 'Not at the moment' : 'Something went wrong here',
  body: html`<p role="alert">${status === 503 ? 'The gateway has too much to do. Wait a few seconds, then load this page again.' : 'What you asked for could not be done.'}</p><p class="dim">If it goes on like this, tell whoever runs the gateway this reference: <code>${reference}</code></p>`,
})

/** Whoever is in front of a browser reads a page; programs read a problem. What may be better in a moment says so. */
const answerFault = (logger: Logger): ErrorRequestHandler => (error: unknown, request, response, next) => {
  if (response.headersSent) return next(error)
  const status = statusOf(error)
  const reference = status >= 500 && request.accepts(['json', 'html']) === 'html' ? randomBytes(6).toString('hex') : undefined
  if (status === 500) logger.error('a request failed', { error: error instanceof Error ? error.stack : String(error), reference })
  else if (error instanceof GatewayError) logger.warn('a request could not be served', { code: error.code, detail: error.detail, reference })
  if (status === 503) response.set('Retry-After', retryAfter)
  if (reference !== undefined) return sendPage(response, status, faultPage(status, reference))
  const title = error instanceof GatewayError ? error.message : status === 500 ? errorTable.internal.public : 'the request cannot be read'
  response.status(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title, status }))
}
