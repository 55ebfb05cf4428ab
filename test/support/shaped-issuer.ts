import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type JWK, type JWTPayload } from 'jose'

/** What this issuer says and does; every member may be changed while it runs. */
export interface Shape {
  /** In the ID token, beside what every one has. `undefined` takes a claim away. */
  claims: Record<string, unknown>
  userinfo: Record<string, unknown>
  /** The algorithm and key of ID tokens. */
  sign: 'RS256' | 'ES256' | 'none' | 'HS256' | 'foreign-key'
  /** Whether a refresh token is given, and another one with every use (then each is good once). */
  refresh: 'none' | 'rotating' | 'steady'
  refreshedIdToken: boolean
  /** What refreshing is answered with in place of tokens. */
  refreshError: { status: number; body: unknown } | undefined
  /** The token endpoint answers no sooner. */
  waits: Promise<void> | undefined
  /** The `iss` of the authorization response; undefined leaves it out. */
  iss: string | undefined
  /** Instead of a code. */
  error: string | undefined
}
export interface ShapedIssuer {
  readonly issuer: string
  readonly shape: Shape
  /** Paths asked for, in order. */
  readonly asked: string[]
  /** The query of each authorization request. */
  readonly authorizations: URLSearchParams[]
  /** How clients of the token endpoint showed who they are. */
  readonly authentications: string[]
  readonly client: { readonly id: string; readonly secret: string }
  /** The public key of a client that signs who it is. */
  clientKey: JWK | undefined
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

const make = async () => ({ pair: await generateKeyPair('RS256', { extractable: true }), elliptic: await generateKeyPair('ES256', { extractable: true }), foreign: await generateKeyPair('RS256') })
/** Made once: RSA takes its time. */
const made = make()

/**
 * A provider that signs in whoever comes, as the person that its shape says: for the tokens that real ones are documented to give, and
 * for those that none should.
 */
export async function startShapedIssuer(claims: Record<string, unknown>, { path = '', metadata = {} }: { readonly path?: string; readonly metadata?: Record<string, unknown> } = {}): Promise<ShapedIssuer> {
  const { pair, elliptic, foreign } = await made
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' }, { ...(await exportJWK(elliptic.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' }]
  const client = { id: 'sallyport', secret: 'a-secret-of-the-client-0123456789' }
  const codes = new Map<string, { challenge: string | null; nonce: string | null; redirect: string | null }>()
  const refreshTokens = new Set<string>()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `${origin}${path}`
  const shape: Shape = { claims, userinfo: {}, sign: 'RS256', refresh: 'none', refreshedIdToken: true, refreshError: undefined, waits: undefined, iss: issuer, error: undefined }

  const sign = async (payload: JWTPayload, header: Record<string, unknown> = {}): Promise<string> => {
    const given = { iss: issuer, aud: client.id, iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 24 * 3600, ...payload }
    const kept = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    if (shape.sign === 'none') return `${part({ alg: 'none' })}.${part(kept)}.`
    if (shape.sign === 'HS256') return new SignJWT(kept).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(client.secret))
    if (shape.sign === 'foreign-key') return new SignJWT(kept).setProtectedHeader({ alg: 'RS256', kid: 'rsa' }).sign(foreign.privateKey)
    return new SignJWT(kept).setProtectedHeader({ alg: shape.sign, kid: shape.sign === 'RS256' ? 'rsa' : 'ec', ...header }).sign(shape.sign === 'RS256' ? pair.privateKey : elliptic.privateKey)
  }

  async function authenticate(request: IncomingMessage, form: URLSearchParams): Promise<boolean> {
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (basic !== undefined) {
      found.authentications.push('basic')
      // RFC 6749 section 2.3.1: both are form-encoded first.
      return Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent).join(':') === `${client.id}:${client.secret}`
    }
    const assertion = form.get('client_assertion')
    if (assertion !== null && found.clientKey !== undefined) {
      found.authentications.push(`private_key_jwt ${decodeProtectedHeader(assertion).kid ?? ''}`.trim())
      const { payload } = await jwtVerify(assertion, await importJWK(found.clientKey, found.clientKey.alg ?? 'ES256'), { issuer: client.id, subject: client.id })
      return [payload.aud].flat().includes(issuer) || [payload.aud].flat().includes(`${issuer}/token`)
    }
    found.authentications.push('post')
    return form.get('client_id') === client.id && form.get('client_secret') === client.secret
  }

  async function token(request: IncomingMessage, form: URLSearchParams): Promise<{ status: number; body: unknown }> {
    const refuse = (error: string, status = 400) => ({ status, body: { error } })
    if (!(await authenticate(request, form))) return refuse('invalid_client', 401)
    const isRefresh = form.get('grant_type') === 'refresh_token'
    let nonce: string | null = null
    if (isRefresh) {
      if (shape.refreshError !== undefined) return shape.refreshError
      const given = form.get('refresh_token') ?? ''
      if (!refreshTokens.has(given)) return refuse('invalid_grant')
      if (shape.refresh === 'rotating') refreshTokens.delete(given)
    } else {
      const code = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
      if (code === undefined || code.challenge !== challenge || code.redirect !== form.get('redirect_uri')) return refuse('invalid_grant')
      nonce = code.nonce
    }
    const refresh = shape.refresh === 'none' ? undefined : randomUUID()
    if (refresh !== undefined) refreshTokens.add(refresh)
    const isGiven = refresh !== undefined && (!isRefresh || shape.refresh === 'rotating')
    return {
      status: 200,
      body: {
        access_token: `access-${randomUUID()}`, token_type: 'Bearer', expires_in: 300,
        ...(isGiven ? { refresh_token: refresh } : {}),
        ...(isRefresh && !shape.refreshedIdToken ? {} : { id_token: await sign({ ...(nonce === null ? {} : { nonce }), ...shape.claims }) }),
      },
    }
  }

  const found: ShapedIssuer = {
    issuer, shape, asked: [], authorizations: [], authentications: [], client, clientKey: undefined, sign,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', origin)
    found.asked.push(url.pathname)
    const json = (body: unknown, status = 200) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    void (async () => {
      switch (url.pathname) {
        case `${path}/.well-known/openid-configuration`:
          return json({
            issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`, userinfo_endpoint: `${issuer}/userinfo`,
            response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256', 'ES256', 'HS256'], authorization_response_iss_parameter_supported: true, ...metadata,
          })
        case `${path}/jwks`:
          return json({ keys })
        case `${path}/authorize`: {
          const query = url.searchParams
          found.authorizations.push(query)
          const code = randomUUID()
          codes.set(code, { challenge: query.get('code_challenge'), nonce: query.get('nonce'), redirect: query.get('redirect_uri') })
          const back = new URL(query.get('redirect_uri') ?? '')
          for (const [name, value] of Object.entries({ state: query.get('state') ?? undefined, iss: shape.iss, ...(shape.error === undefined ? { code } : { error: shape.error }) })) if (value !== undefined) back.searchParams.set(name, value)
          return response.writeHead(302, { location: back.href }).end()
        }
        case `${path}/token`: {
          let text = ''
          for await (const part of request) text += String(part)
          await shape.waits
          const { status, body } = await token(request, new URLSearchParams(text))
          return json(body, status)
        }
        case `${path}/userinfo`:
          return json({ sub: shape.claims['sub'], ...shape.userinfo })
        default:
          return json({}, 404)
      }
    })().catch((error: unknown) => json({ error: String(error) }, 500))
  })
  return found
}
