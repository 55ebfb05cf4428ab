import { randomBytes } from 'node:crypto'
import express, { type RequestHandler } from 'express'
import type { OwnTokens } from '../account.ts'
import type { JsonObject } from '../model.ts'
import { paths } from './provider.ts'

export interface BroughtTokensParts {
  readonly verify: (token: string) => Promise<JsonObject | undefined>
  readonly own: () => Pick<OwnTokens, 'actor'>
}

/**
 * Access tokens are signed and not kept, so that the library cannot find them: one that is brought to be revoked or asked about
 * is verified here, and stands under a name of its own until the answer is given.
 */
export function createBroughtTokens({ verify, own }: BroughtTokensParts) {
  const known = new Map<string, Record<string, unknown>>()

  const exchange: RequestHandler = async (request, response, next) => {
    const form = (request.body ?? {}) as Record<string, unknown>
    const { token } = form
    if (typeof token === 'string' && token.split('.').length === 3) {
      const name = randomBytes(32).toString('base64url')
      response.once('close', () => known.delete(name))
      const claims = await verify(token)
      // RFC 7662 section 2.2: active is what would be accepted. What would not may still be given back.
      const isKnown = claims !== undefined && (request.path !== paths.introspection || (await own().actor(claims)) !== undefined)
      // Whoever left meanwhile gets no answer, and nothing is kept for them.
      if (isKnown && !response.closed) known.set(name, inWordsOfTheLibrary(claims))
      request.body = { ...form, token: name }
    }
    next()
  }
  return { find: (name: string) => known.get(name), read: [express.urlencoded({ extended: false, limit: '32kb' }), exchange] as const }
}

function inWordsOfTheLibrary({ sub, client_id: clientId, grant_id: grantId, act, aud, exp, iat, jti, scope }: JsonObject): Record<string, unknown> {
  const token = { clientId, aud, exp, iat, jti, scope }
  // Nobody stands behind a token that a client got for itself.
  if (sub === clientId) return { kind: 'ClientCredentials', ...token }
  // Whoever acts for somebody can give back what they have, and not what the person gave another client.
  return act === undefined ? { kind: 'AccessToken', accountId: sub, grantId, ...token } : { kind: 'AccessToken', accountId: sub, extra: { act }, ...token }
}
