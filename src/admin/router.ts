import express, { type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express'
import type { z } from 'zod'
import { GatewayError, errorTable, messageOf } from '../errors.ts'
import type { KnownActor, Logger, Role } from '../model.ts'
import { type Caller, mayUse, showActor } from './access.ts'
import { type ApprovalDesk, createApprovalHandles } from './approvals.ts'
import { operations, type Operation } from './contract/index.ts'
import type { UpstreamView } from './contract/upstream.ts'
import type { Asked, Handles } from './handle.ts'
import { describeApi } from './openapi.ts'
import { createPeopleHandles, type PeopleDesk } from './people.ts'
import { createPolicyHandles, type PolicyDesk, type PolicyStatus } from './policy.ts'
import { isRefused, refuse, type Refused, sendProblem } from './problem.ts'
import { createBundleAnswer, type ServedBundle } from './bundle.ts'
import { createSessionHandles, type Sessions } from './sessions.ts'
import { createWebhookAnswer, type Webhook } from './webhook.ts'

/** Who asks, or why that cannot be said; `www_authenticate` is the header that a 401 carries (RFC 6750 section 3). */
export type Resolved =
  | { readonly ok: true; readonly actor: KnownActor }
  | { readonly ok: false; readonly status: number; readonly code: string; readonly message?: string; readonly www_authenticate?: string }

export interface AdminParts {
  readonly resolve: (request: Request) => Promise<Resolved>
  /** What somebody is now. Whoever is nothing may only ask who they are. */
  readonly rolesOf: (actor: KnownActor) => Promise<readonly Role[]>
  readonly sessions: Sessions
  readonly approvals: ApprovalDesk
  readonly policy: () => PolicyStatus | Promise<PolicyStatus>
  readonly policyDesk: () => PolicyDesk
  readonly upstreams: () => readonly UpstreamView[]
  /** Absent where nobody can sign in. */
  readonly people?: PeopleDesk | undefined
  readonly bundle: ServedBundle
  /** Absent where the policies do not come from a Git host that tells of changes. */
  readonly webhook?: Webhook | undefined
  readonly logger?: Pick<Logger, 'error' | 'info'>
}

type AnyHandle = (asked: Asked<Operation>) => Promise<unknown>

const expected = (error: z.ZodError) => error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; ')

export function createAdminRouter(parts: AdminParts): Router {
  const description = describeApi()
  const handles: Handles = {
    ...createSessionHandles(parts.sessions),
    ...createApprovalHandles(parts.approvals),
    ...createPolicyHandles(parts.policy, parts.policyDesk),
    ...createPeopleHandles(parts.people, parts.logger),
    listUpstreams: async () => ({ items: [...parts.upstreams()], next_cursor: null }),
    getMe: async ({ caller }) => ({ actor: showActor(caller.actor), roles: [...caller.roles] }),
    getOpenapi: async () => description,
  }
  const router = Router({ caseSensitive: true, strict: true })
  // What is recorded is nobody's to cache.
  router.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store')
    next()
  })
  // Ahead of the door: a Git host has no token, its signature is its credential.
  if (parts.webhook !== undefined) router.post('/policy/webhook', createWebhookAnswer(parts.webhook))
  router.use(createDoor(parts))
  for (const [name, handle] of Object.entries(handles)) addRoute(router, operations[name as keyof Handles], handle as AnyHandle)
  addDownload(router, operations.getPolicyBundle, createBundleAnswer(parts.bundle))
  router.use((_request: Request, response: Response) => sendProblem(response, refuse(404, 'unknown_resource')))
  router.use(createFaultAnswer(parts.logger))
  return router
}

/** Nobody passes without an identity, not even to learn which paths exist. */
function createDoor({ resolve, rolesOf }: AdminParts) {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const resolved = await resolve(request)
    if (!resolved.ok) {
      if (resolved.www_authenticate !== undefined) response.set('WWW-Authenticate', resolved.www_authenticate)
      sendProblem(response, refuse(resolved.status, resolved.code, resolved.message))
      return
    }
    response.locals['caller'] = { actor: resolved.actor, roles: await rolesOf(resolved.actor) } satisfies Caller
    next()
  }
}

const readBody = express.json({ type: 'application/json', limit: '16kb' })

const isAllowed = (operation: Operation): RequestHandler => (_request, response, next) => {
  if (mayUse(response.locals['caller'] as Caller, operation)) next()
  else sendProblem(response, refuse(403, 'role_missing', needs(operation)))
}

const addOtherMethods = (router: Router, { path, method }: Operation): void => {
  router.all(path, (_request, response) => {
    response.set('Allow', method === 'get' ? 'GET, HEAD' : 'POST')
    sendProblem(response, refuse(405, 'method_not_allowed'))
  })
}

/** What is answered as it is, not as JSON. */
function addDownload(router: Router, operation: Operation, answer: RequestHandler): void {
  router.get(operation.path, isAllowed(operation), answer)
  addOtherMethods(router, operation)
}

function addRoute(router: Router, operation: Operation, handle: AnyHandle): void {
  const isJson = (request: Request, response: Response, next: NextFunction) => {
    // A form of another site can send anything but this media type without asking first.
    if (/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) next()
    else sendProblem(response, refuse(415, 'not_json', 'the body must be application/json'))
  }
  const answer = async (request: Request, response: Response) => {
    const asked = readAsked(operation, request, response.locals['caller'] as Caller)
    const answered = isRefused(asked) ? asked : await handle(asked)
    if (isRefused(answered)) sendProblem(response, answered)
    else response.json(answered)
  }
  if (operation.method === 'get') router.get(operation.path, isAllowed(operation), answer)
  else router.post(operation.path, isAllowed(operation), isJson, readBody, answer)
  addOtherMethods(router, operation)
}

const needs = (operation: Operation) =>
  operation.roles === 'anyone' ? undefined : `this needs one of the roles ${operation.roles.join(', ')}; policies give them, as with roles contains "${operation.roles[0]}" if "GROUP" in input.actor.groups`

function readAsked(operation: Operation, request: Request, caller: Caller): Asked<Operation> | Refused {
  const query = operation.query?.safeParse(request.query)
  if (query?.success === false) return refuse(400, 'invalid_query', expected(query.error))
  const body = operation.body?.safeParse(request.body ?? {})
  if (body?.success === false) return refuse(400, 'invalid_body', expected(body.error))
  const id = request.params['id']
  return { caller, id: typeof id === 'string' ? id : '', query: query?.data, body: body?.data } as Asked<Operation>
}

/** Four parameters make it an error handler for Express. */
function createFaultAnswer(logger: AdminParts['logger']) {
  return (error: unknown, _request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error)
      return
    }
    if (error instanceof GatewayError) {
      const { status, public: sentence } = errorTable[error.code]
      if (status >= 500) logger?.error('admin request failed', { code: error.code, detail: error.detail })
      sendProblem(response, refuse(status, error.code, sentence))
      return
    }
    const status = clientFault(error)
    if (status !== undefined) {
      sendProblem(response, refuse(status, status === 413 ? 'body_too_large' : 'invalid_body'))
      return
    }
    logger?.error('admin request failed', { error: messageOf(error) })
    sendProblem(response, refuse(500, 'internal', errorTable.internal.public))
  }
}

/** What the body reader says: 400 for what is not JSON, 413 for too much of it. */
function clientFault(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined
  return error.status >= 400 && error.status < 500 ? error.status : undefined
}
