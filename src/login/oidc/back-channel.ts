import express, { Router } from 'express'
import { isObject } from '../../exact-json.ts'
import { ownClaim } from '../../claims.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, Logger } from '../../model.ts'
import type { EndAccounts } from '../provider.ts'
import type { OidcSettings } from './settings.ts'
import { openSigned, type Keys } from './signed.ts'

export interface BackChannelParts {
  readonly settings: OidcSettings
  readonly keys: Keys
  readonly kept: Kept
  readonly end: EndAccounts
  readonly clock: Clock
  readonly logger: Logger
}

const event = 'http://schemas.openid.net/event/backchannel-logout'
/** A logout token is made when it is sent. */
const longest = 5 * 60

/** OpenID Connect Back-Channel Logout 1.0: the provider says, from server to server, that somebody signed out or may not come in any more. */
export function createBackChannel({ settings, keys, kept, end, clock, logger }: BackChannelParts): Router {
  const { name, issuer, client_id: audience, algorithms } = settings
  const router = Router({ caseSensitive: true, strict: true })
  const expected = { issuer, audience, algorithms, clock, required: ['iat', 'jti', 'events'], maxAge: longest }

  /** Section 2.6; undefined where all is right and it was carried out. */
  async function carryOut(token: unknown): Promise<string | undefined> {
    if (typeof token !== 'string') return 'one logout_token is needed'
    const opened = await openSigned(token, keys, expected)
    if (!opened.ok) return opened.why
    const [events, nonce, jti, sub, sid] = ['events', 'nonce', 'jti', 'sub', 'sid'].map((claim) => ownClaim(opened.claims, claim))
    if (!isObject(ownClaim(events, event))) return 'it does not tell of a logout'
    // An ID token could be passed off as one.
    if (nonce !== undefined) return 'it has a nonce'
    if (typeof jti !== 'string' || (typeof sub !== 'string' && typeof sid !== 'string')) return 'it names nobody'
    const used = JSON.stringify([issuer, jti])
    if ((await kept.get('login:jti', used)) !== undefined) return 'it was used before'
    // Used when it was carried out: what failed can be sent again, and of two at once the second ends what has ended.
    const ended = await end({ provider: name, issuer, ...(typeof sub === 'string' ? { subject: sub } : {}), ...(typeof sid === 'string' ? { session: sid } : {}) }, 'the provider signed the person out')
    await kept.put('login:jti', used, {}, { expiresAt: clock() + 2 * longest * 1000 })
    logger.info('a provider signed somebody out', { provider: name, accounts: ended })
    return undefined
  }

  // Section 2.8: 400 where it is wrong, and where it failed.
  router.post(`/login/${name}/backchannel-logout`, express.urlencoded({ extended: false, limit: '64kb' }), async (request, response) => {
    const { logout_token: token } = (request.body ?? {}) as { readonly logout_token?: unknown }
    const wrong = await carryOut(token).catch((cause: unknown) => {
      logger.error('somebody whom a provider signed out could not be ended', { provider: name, cause: String(cause) })
      return 'it could not be carried out; send it again'
    })
    if (wrong !== undefined) logger.warn('a logout token was refused', { provider: name, why: wrong })
    response.status(wrong === undefined ? 200 : 400).set('Cache-Control', 'no-store')
    if (wrong === undefined) response.end()
    else response.json({ error: 'invalid_request', error_description: wrong })
  })
  return router
}
