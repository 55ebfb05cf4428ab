import type { RequestHandler, Router } from 'express'
import { redactReasons } from '../admin/policy.ts'
import { createAdminRouter, type Resolved } from '../admin/router.ts'
import type { Webhook } from '../admin/webhook.ts'
import { openDelivery } from '../bundle/source/webhook.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import type { Clock, KnownActor, Role } from '../model.ts'
import type { TurnedAway } from './doors.ts'
import type { Parts } from './parts.ts'
import type { Surroundings } from './surroundings.ts'

export interface ApiParts extends Pick<Parts, 'identity' | 'engine' | 'store' | 'approvals' | 'people' | 'metrics' | 'clean' | 'logger'> {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly clock: Clock
  readonly surroundings: Surroundings
  readonly turnedAway: TurnedAway
}
type Resolve = (rawHeaders: readonly string[], url: string) => Promise<Exclude<Resolved, Refused> | (Refused & { readonly message: string })>
type Refused = Extract<Resolved, { ok: false }>
type RolesOf = (actor: KnownActor) => Promise<readonly Role[]>

/** `/api/v1`, and `/metrics` where it has no port of its own: for whoever has a token of the API and some role. */
export function createApi(parts: ApiParts): { readonly admin: Router; readonly metrics: RequestHandler | undefined } {
  const { identity, engine, store, approvals, people, metrics, clean, logger, settings, secrets, clock, surroundings, turnedAway } = parts
  const resolve: Resolve = async (rawHeaders, url) => {
    const resolved = await identity.resolve({ rawHeaders, audience: `${settings.public_url}/api/v1`, url })
    if (resolved.ok) return { ok: true, actor: resolved.actor }
    const { status, code, message, headers } = resolved.refusal
    return { ok: false, status, code, message, ...(headers['WWW-Authenticate'] === undefined ? {} : { www_authenticate: headers['WWW-Authenticate'] }) }
  }
  const rolesOf: RolesOf = (actor) => engine.roles(actor, new Date(clock()).toISOString())
  const refused: Webhook['refused'] = (request, refusal) => turnedAway('/api/v1', request, refusal)
  const admin = createAdminRouter({
    async resolve(request) {
      const resolved = await resolve(request.rawHeaders, request.originalUrl)
      if (!resolved.ok) turnedAway('/api/v1', request, resolved)
      return resolved
    },
    rolesOf, sessions: store.records, approvals, logger,
    policy: surroundings.policy, policyDesk: () => redactReasons(surroundings.desk(), clean),
    bundle: { active: () => engine.active()?.digest, read: surroundings.bundle },
    webhook: webhookOf(settings, secrets, { clock, look: surroundings.look, refused }),
    people: people.login?.accounts,
    upstreams: () => Object.entries(settings.upstreams).map(([name, own]) => ({ name, kind: 'url' in own ? 'http' : 'stdio', labels: own.labels, endpoint: `${settings.public_url}/mcp/${name}` })),
  })
  const print: RequestHandler = async (_request, response) => void response.type(metrics.contentType).send(await surroundings.printMetrics(metrics))
  return { admin, metrics: settings.metrics === undefined ? guardMetrics(print, resolve, rolesOf) : undefined }
}

/** Deliveries of the Git host that the policies come from, where the settings say that it sends some. */
function webhookOf({ policy: { source } }: Settings, secrets: Secrets, rest: Omit<Webhook, 'open'>): Webhook | undefined {
  if (source.kind !== 'git' || source.webhook === undefined) return undefined
  const secret = secrets.get('policy.source.webhook.secret')
  return { ...rest, open: (headers) => openDelivery(headers, secret, rest.clock()) }
}

/** For loopback as it is. */
const guardMetrics = (print: RequestHandler, resolve: Resolve, rolesOf: RolesOf): RequestHandler => async (request, response, next) => {
  const address = request.socket.remoteAddress ?? ''
  const isLocal = address === '::1' || /^(?:::ffff:)?127\./.test(address)
  // Behind a proxy on the same machine everybody comes from loopback; what a proxy adds tells it.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined
  if (isLocal && !isForwarded) return print(request, response, next)
  const resolved = await resolve(request.rawHeaders, request.originalUrl)
  if (resolved.ok && (await rolesOf(resolved.actor)).length > 0) return print(request, response, next)
  const [status, title] = resolved.ok ? [403, 'a role is needed'] : [401, 'a token is needed']
  if (!resolved.ok) response.set('WWW-Authenticate', 'Bearer')
  response.status(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title, status }))
}
