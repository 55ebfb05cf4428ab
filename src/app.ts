import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express'
import helmet from 'helmet'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorTable } from './errors.ts'
import type { Logger } from './model.ts'

export interface AppParts {
  readonly hostGuard: RequestHandler
  readonly identityRoutes: Router
  readonly endpoint: (request: IncomingMessage, response: ServerResponse, upstream: string) => Promise<void>
  readonly admin: Router
  /** Absent where `/metrics` has a port of its own. */
  readonly metrics: RequestHandler | undefined
  readonly readiness: () => readonly string[]
  readonly logger: Logger
}

/** Every path of the gateway. */
export function createApp(parts: AppParts): Express {
  const app = express()
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing').enable('strict routing')
  app.use(cutStalled)
  app.use(parts.hostGuard)
  // The hot path comes before everything that only other paths need.
  app.all('/mcp/:upstream', (request, response) => parts.endpoint(request, response, request.params.upstream))
  app.use(helmet())
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }))
  app.get('/readyz', (_request, response) => {
    const missing = parts.readiness()
    response.status(missing.length === 0 ? 200 : 503).json({ status: missing.length === 0 ? 'ready' : 'not ready', missing })
  })
  if (parts.metrics !== undefined) app.get('/metrics', parts.metrics)
  app.use(parts.identityRoutes)
  app.use('/api/v1', parts.admin)
  app.use((_request, response) => void response.status(404).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 })))
  app.use(answerFault(parts.logger))
  return app
}

/** A reader that takes nothing of what waits for it in memory is looked at this often, and cut off the first time that nothing moved since. */
const readerPatience = 20_000

/** A call that waits for its server has nothing to be read, and may wait on. */
const cutStalled: RequestHandler = (_request, response, next) => {
  response.setTimeout(readerPatience, () => {
    if (response.socket !== null && response.socket.writableLength > 0) response.socket.destroy()
  })
  next()
}

const answerFault = (logger: Logger): ErrorRequestHandler => (error: unknown, _request, response, next) => {
  if (response.headersSent) return next(error)
  const status = typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number' && error.status < 500 ? error.status : 500
  if (status === 500) logger.error('a request failed', { error: error instanceof Error ? error.stack : String(error) })
  const title = status === 500 ? errorTable.internal.public : 'the request cannot be read'
  response.status(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title, status }))
}
