import type { OwnTokens } from '../account.ts'
import { messageOf } from '../errors.ts'
import { createForwardClock } from '../forward-clock.ts'
import type { Clock, Fetch, JsonObject, KnownActor, Logger } from '../model.ts'
import { readBearer } from './bearer.ts'
import { createKeySource } from './keys.ts'
import { ownIssuer } from './own.ts'
import { lacking, reason, refuse, type AuthRefusal, type Reason } from './refusal.ts'
import type { IssuerSettings } from './settings.ts'
import { createTokenVerifier, type TrustedIssuer, type VerifiedToken } from './tokens.ts'

export interface IdentityOptions {
  readonly issuers: readonly IssuerSettings[]
  /** An origin, without a slash at its end. */
  readonly publicUrl: string
  readonly clock: Clock
  /** Milliseconds that no setting of the clock moves. */
  readonly monotonic?: () => number
  /** What time it is at least, whatever the clock says. */
  readonly since?: number | undefined
  readonly logger: Logger
  /** A guarded one; what was configured may be inside the network, what an issuer names may not. */
  readonly fetchFor: (configured: readonly string[]) => Fetch
  /** Where the gateway gives out tokens itself. */
  readonly own?: OwnTokens
  /** What some calls of an upstream want beside its first scope. */
  readonly scopesOf?: (upstream: string) => readonly string[]
}

export interface ResolveInput {
  readonly rawHeaders: readonly string[]
  /** The resource called: `<public_url>/mcp/<upstream>` or `<public_url>/api/v1`. */
  readonly audience: string
  /** The request's target: a token in its query is refused. */
  readonly url?: string
}

export type Resolved =
  | { readonly ok: true; readonly actor: KnownActor; readonly token: { readonly expires_at: number; readonly hash: string; readonly scopes: readonly string[] } }
  | { readonly ok: false; readonly refusal: AuthRefusal }

export interface Identity {
  /** Who sent a request. There is no fallback: without one good token nobody did. */
  resolve(input: ResolveInput): Promise<Resolved>
  /** Why a token with these scopes is not enough for what wants those. */
  lacking(input: Pick<ResolveInput, 'audience'> & { readonly has: readonly string[]; readonly wanted: readonly string[] }): AuthRefusal | undefined
  /** Who a token of a configured issuer speaks for that is shown to the gateway itself, as an authorization server. */
  workload(token: string): Promise<{ readonly ok: true; readonly actor: KnownActor; readonly expires_at: number } | { readonly ok: false; readonly message: string }>
  /** RFC 9728 section 2. */
  protectedResourceMetadata(upstream: string): JsonObject
  /** Fetches every issuer's keys; for `doctor`. */
  checkIssuers(): Promise<readonly { readonly name: string; readonly problem: string | null; readonly keys: number }[]>
}

/** An issuer has no say over addresses of another one. */
const configuredUrls = ({ issuer, jwks }: IssuerSettings): readonly string[] => [issuer, ...(jwks !== undefined && 'url' in jwks ? [jwks.url] : [])]

const withoutSlash = (text: string): string => (text.endsWith('/') ? text.slice(0, -1) : text)

export const createIdentity = (options: IdentityOptions): Identity => {
  const { publicUrl, clock, logger, fetchFor } = options
  const trusted: readonly TrustedIssuer[] = options.issuers.map(settings => ({ settings, keys: createKeySource(settings, { clock, fetch: fetchFor(configuredUrls(settings)), logger }) }))
  // A token that has expired stays so, wherever the clock is set.
  const now = createForwardClock(clock, options.monotonic, options.since)
  const own = options.own === undefined ? [] : [ownIssuer(publicUrl, options.own)]
  const verifier = createTokenVerifier(new Map([...trusted, ...own].map(issuer => [issuer.settings.issuer, issuer])), now)
  const resources = `${publicUrl}/mcp/`
  const scopeOf = (audience: string): string | undefined => (own.length > 0 && audience.startsWith(resources) ? `mcp:${audience.slice(resources.length)}` : undefined)

  // A client tries to sign its person in at whatever is listed; who signs tokens of programs alone would turn them away.
  const signingIn = [...own, ...trusted.filter(({ settings }) => settings.kind === 'person')].map(({ settings }) => settings.issuer)
  const metadataUrl = (audience: string): string | undefined =>
    audience.startsWith(resources) ? `${publicUrl}/.well-known/oauth-protected-resource/mcp/${audience.slice(resources.length)}` : undefined

  /** RFC 8707 section 2: a token for one resource is worth nothing at another. */
  const notFor = ({ issuer, audiences }: Pick<VerifiedToken, 'issuer' | 'audiences'>, audience: string): Reason | undefined => {
    const wanted = withoutSlash(issuer.audience ?? audience)
    return audiences.some(one => withoutSlash(one) === wanted) ? undefined : reason('audience_mismatch', `the token is not meant for ${wanted}`)
  }

  return {
    async resolve({ rawHeaders, audience, url }) {
      const no = (why: Reason): Resolved => ({ ok: false, refusal: refuse(why, { realm: publicUrl, metadata: metadataUrl(audience), scope: scopeOf(audience) }) })
      const bearer = readBearer(rawHeaders, url)
      if (!bearer.ok) return no(bearer.reason)
      const found = verifier.verify(bearer.token)
      const verified = found instanceof Promise ? await found : found
      if (!verified.ok) return no(verified.reason)
      const elsewhere = notFor(verified.token, audience)
      if (elsewhere !== undefined) return no(elsewhere)
      const { actor, scopes, expiresAt, hash } = verified.token
      return { ok: true, actor, token: { expires_at: clock() + expiresAt - now(), hash, scopes } }
    },
    async workload(token) {
      const verified = await verifier.verify(token)
      if (!verified.ok) return { ok: false, message: verified.reason.message }
      const elsewhere = notFor(verified.token, publicUrl)
      if (elsewhere !== undefined) return { ok: false, message: elsewhere.message }
      return { ok: true, actor: verified.token.actor, expires_at: clock() + verified.token.expiresAt - now() }
    },
    lacking({ audience, has, wanted }) {
      if (wanted.every(scope => has.includes(scope))) return undefined
      const first = scopeOf(audience)
      const own = first === undefined ? [] : [first, ...has.filter(scope => scope.startsWith(`${first}:`))]
      return lacking([...new Set([...own, ...wanted])], metadataUrl(audience))
    },
    protectedResourceMetadata: upstream => ({
      resource: `${resources}${upstream}`,
      ...(signingIn.length === 0 ? {} : { authorization_servers: signingIn }),
      ...(own.length === 0 ? {} : { scopes_supported: [`mcp:${upstream}`, ...(options.scopesOf?.(upstream) ?? [])] }),
      bearer_methods_supported: ['header'],
    }),
    checkIssuers: () => Promise.all(trusted.map(async ({ settings, keys }) => {
      try {
        return { name: settings.name, problem: null, keys: await keys.load() }
      } catch (error) {
        return { name: settings.name, problem: messageOf(error), keys: 0 }
      }
    })),
  }
}
