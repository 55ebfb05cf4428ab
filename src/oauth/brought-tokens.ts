import { randomBytes } from 'node:crypto'
import express, { type RequestHandler } from 'express'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { algorithm, type SigningKeys } from './keys.ts'

/**
 * Access tokens are signed and not kept, so that the library cannot find them: one that is brought to be revoked or asked about
 * is verified here, and stands under a name of its own until the answer is given.
 */
export function createBroughtTokens({ issuer, keys }: { readonly issuer: string; readonly keys: () => Pick<SigningKeys, 'verifying'> }) {
  const known = new Map<string, Record<string, unknown>>()

  const verify = async (token: string): Promise<Record<string, unknown> | undefined> => {
    try {
      const { kid } = decodeProtectedHeader(token)
      const key = kid === undefined ? undefined : await keys().verifying(kid)
      if (key === undefined) return undefined
      const { payload } = await jwtVerify(token, key, { issuer, algorithms: [algorithm], typ: 'at+jwt' })
      const { sub, client_id: clientId, grant_id: grantId, aud, exp, iat, jti, scope } = payload
      // Nobody stands behind a token that a client got for itself.
      if (sub === clientId) return { kind: 'ClientCredentials', clientId, aud, exp, iat, jti, scope }
      return { kind: 'AccessToken', accountId: sub, clientId, grantId, aud, exp, iat, jti, scope }
    } catch {
      return undefined
    }
  }
  const exchange: RequestHandler = async (request, response, next) => {
    const form = (request.body ?? {}) as Record<string, unknown>
    const { token } = form
    if (typeof token === 'string' && token.split('.').length === 3) {
      const name = randomBytes(32).toString('base64url')
      response.once('close', () => known.delete(name))
      const payload = await verify(token)
      // Whoever left meanwhile gets no answer, and nothing is kept for them.
      if (payload !== undefined && !response.closed) known.set(name, payload)
      request.body = { ...form, token: name }
    }
    next()
  }
  return { find: (name: string) => known.get(name), read: [express.urlencoded({ extended: false, limit: '32kb' }), exchange] as const }
}
