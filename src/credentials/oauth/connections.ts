import * as openid from 'openid-client'
import type { LiveSecret } from '../../config/secrets-live.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, Fetch, JsonObject, Logger } from '../../model.ts'
import type { CredentialSettings } from '../../upstream/credential-settings.ts'
import type { CredentialSource, Need } from '../../upstream/credential.ts'
import type { Found } from '../../openid.ts'
import { createPersonal, onlyForPeople } from '../per-person.ts'
import { whyNot } from '../token-endpoint.ts'
import { clientIdOf, createOAuthClient, knownFor, type Grantee, type Known } from './client.ts'
import { createConnection, type Held } from './connection.ts'
import { giveBack } from './give-back.ts'
import type { Who } from './connection-row.ts'
import { NotConnectable } from './server.ts'
import { tokensOf, type Tokens } from './tokens.ts'

export interface ConnectableServer {
  readonly upstream: string
  readonly url: string
  readonly settings: Extract<CredentialSettings, { kind: 'oauth' }>
  readonly secret: (name: string) => LiveSecret
  readonly fetch: Fetch
  readonly fetchServer: Fetch
  readonly tell: (result: 'given' | 'refused' | 'failed') => void
}
/** Why it did not work, for the person. */
export type Done<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly message: string }

/** People's accounts at one server. */
export interface Connectable {
  readonly upstream: string
  readonly url: string
  status(who: Who): Promise<Pick<Tokens, 'scope' | 'wanted' | 'since' | 'issuer'> | undefined>
  /** Where the person is sent to. */
  begin(who: Who): Promise<Done<{ readonly location: URL }>>
  /** `search` is the query they came back with, `place` what stands behind the address of all. */
  finish(who: Who, search: string, place: string | undefined): Promise<Done<object>>
  /** Told whether the authorization server took them back too. */
  disconnect(who: Who): Promise<{ readonly revoked: boolean }>
  /** Their account at the gateway has ended. */
  left(who: Who): Promise<void>
}
export interface Connections {
  add(server: ConnectableServer): CredentialSource
  get(upstream: string): Connectable | undefined
  all(): readonly Connectable[]
}
export interface ConnectionsParts {
  readonly kept: Kept
  readonly publicUrl: string
  readonly clock: Clock
  readonly logger: Logger
}

const flowFor = 10 * 60_000
const notBegun = { ok: false, message: 'This was not begun here, or too long ago. Connect again.' } as const

/** Servers that people call with accounts of their own. */
export function createConnections(parts: ConnectionsParts): Connections {
  const servers = new Map<string, Connectable>()
  return {
    add(server) {
      const held = createPersonal((who: Who) => createConnection(who, connectionOptions))
      const redirectUri = `${parts.publicUrl}/connect/${server.upstream}/callback`
      const secret = server.settings.client_secret_from === undefined ? undefined : server.secret('client_secret')
      const { settings, url, fetch, fetchServer } = server
      const client = createOAuthClient({ url, redirectUri, settings, secret, fetch, fetchServer, kept: parts.kept, clock: parts.clock })
      const connectionOptions = { ...parts, upstream: server.upstream, url, client, clientSecret: () => secret?.value(), tell: server.tell }
      servers.set(server.upstream, createConnectable(server, client, held, redirectUri, parts))
      const need: Need = { code: 'not_connected', message: `${server.upstream} is called with people's own accounts there: only people who signed in at this gateway can call it` }
      return onlyForPeople((person) => held(person).credential, need)
    },
    get: (upstream) => servers.get(upstream),
    all: () => [...servers.values()],
  }
}

function createConnectable({ upstream, url }: ConnectableServer, client: Found<Known>, held: (who: Who) => Held, callback: string, { kept, clock, logger }: ConnectionsParts): Connectable {
  const failed = (doing: string, cause: unknown): { readonly ok: false; readonly message: string } => {
    const why = cause instanceof NotConnectable ? cause.message : whyNot(cause)
    logger.warn(`${doing} did not work`, { upstream, why })
    if (cause instanceof openid.AuthorizationResponseError) return { ok: false, message: cause.error === 'access_denied' ? 'Access was not granted there.' : 'The authorization server sent you back with an error.' }
    return { ok: false, message: cause instanceof NotConnectable ? `This cannot work yet: ${cause.message}.` : 'The authorization server cannot be used at the moment. Try again later.' }
  }
  return {
    upstream, url,
    async status(who) {
      return held(who).read()
    },
    async begin(who) {
      try {
        // The server may be with another authorization server by now.
        const known = await client({ fresh: true })
        const { server, client: as, redirectUri } = known
        const [verifier, state] = [openid.randomPKCECodeVerifier(), openid.randomState()]
        await kept.put('upstream:flow', state, { who: [who.issuer, who.subject], upstream, verifier, issuer: server.issuer, client: clientIdOf(known) }, { expiresAt: clock() + flowFor })
        // Without that scope some give no refresh token, and the person would be asked again every hour.
        const isOffline = as.serverMetadata().scopes_supported?.includes('offline_access') === true
        // Who is asked for more keeps what there was (MCP 2025-11-25 basic/authorization, "Step-Up Authorization Flow").
        const { wanted, scope: granted } = (await held(who).read()) ?? {}
        const more = wanted === undefined ? [] : [...(granted?.split(' ') ?? []), ...wanted.split(' ')]
        const scopes = [...new Set([...(server.scope?.split(' ') ?? []), ...more, ...(isOffline ? ['offline_access'] : [])])]
        return {
          ok: true,
          location: openid.buildAuthorizationUrl(as, {
            redirect_uri: redirectUri, state, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', resource: server.resource,
            ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }), ...(isOffline ? { prompt: 'consent' } : {}),
          }),
        }
      } catch (cause) {
        return failed('beginning to connect', cause)
      }
    },
    async finish(who, search, place) {
      const state = new URLSearchParams(search).get('state') ?? ''
      const flow = await kept.get('upstream:flow', state)
      const isOwn = flow !== undefined && flow.value['upstream'] === upstream && JSON.stringify(flow.value['who']) === JSON.stringify([who.issuer, who.subject])
      if (!isOwn || !(await kept.take('upstream:flow', state))) return notBegun
      await kept.drop('upstream:flow', state)
      const { verifier, ...begun } = flow.value as JsonObject & Grantee & { readonly verifier: string }
      try {
        const known = await knownFor(begun, client)
        const { server, client: as } = known
        if (server.issuer !== begun.issuer) throw new NotConnectable('the server has another authorization server now')
        // What another authorization server gave is not shown to this one.
        if (known.redirectUri !== [callback, ...(place === undefined ? [] : [place])].join('/')) return notBegun
        const granted = await openid.authorizationCodeGrant(as, new URL(`${known.redirectUri}${search}`), { pkceCodeVerifier: verifier, expectedState: state }, { resource: server.resource })
        await held(who).keep(tokensOf(granted, { issuer: server.issuer, client: clientIdOf(known), url, since: clock() }, clock()))
        logger.info('somebody connected to a server', { upstream })
        return { ok: true }
      } catch (cause) {
        return failed('connecting', cause)
      }
    },
    async disconnect(who) {
      const tokens = await held(who).forget()
      if (tokens === undefined) return { revoked: false }
      logger.info('somebody disconnected from a server', { upstream })
      try {
        return { revoked: await giveBack(await knownFor(tokens, client), tokens) }
      } catch (cause) {
        failed('taking back a token', cause)
        return { revoked: false }
      }
    },
    left: (who) => held(who).leave(),
  }
}
