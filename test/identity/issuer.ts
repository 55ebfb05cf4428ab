import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'
import { createIdentity, type Identity } from '../../src/identity/identity.ts'
import { issuerSettings, type IssuerSettings } from '../../src/identity/settings.ts'
import type { Logger } from '../../src/model.ts'
import { outbound } from '../support/outbound.ts'

export const publicUrl = 'https://gateway.example'
export const crm = `${publicUrl}/mcp/crm`
export const api = `${publicUrl}/api/v1`
export const start = Date.parse('2026-11-21T12:00:00Z')

const quiet = () => undefined
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }

export interface Signer {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}
export const createSigner = async (kid: string, alg = 'ES256'): Promise<Signer> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void
/** A local issuer: its answers can be changed while it runs, and it counts what it was asked for. */
export interface IssuerServer {
  readonly url: string
  readonly asked: string[]
  keys: readonly JWK[]
  cacheControl: string | undefined
  /** Takes the place of the usual answer at a path. */
  readonly answers: Map<string, Answer>
  close(): Promise<void>
}
export const startIssuer = async (keys: readonly JWK[], path = ''): Promise<IssuerServer> => {
  const asked: string[] = []
  const answers = new Map<string, Answer>()
  const state = { keys, cacheControl: undefined as string | undefined }
  const server = createServer((request, response) => {
    const target = request.url ?? ''
    asked.push(target)
    const special = answers.get(target)
    if (special !== undefined) return special(request, response)
    const json = (body: unknown): void => {
      response.setHeader('content-type', 'application/json')
      if (state.cacheControl !== undefined) response.setHeader('cache-control', state.cacheControl)
      response.end(JSON.stringify(body))
    }
    if (target === `${path}/.well-known/openid-configuration`) return json({ issuer: `${url}${path}`, jwks_uri: `${url}/jwks` })
    if (target === '/jwks') return json({ keys: state.keys })
    response.statusCode = 404
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(state, {
    url: `${url}${path}`,
    asked,
    answers,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

export const settingsFor = (issuer: string, more: Record<string, unknown> = {}): IssuerSettings => issuerSettings.parse({ name: 'ci', issuer, ...more })

export interface Rig {
  readonly identity: Identity
  /** Milliseconds since the epoch, to be set. */
  readonly time: { now: number }
}
export const createRig = (...issuers: readonly IssuerSettings[]): Rig => {
  const time = { now: start }
  return { time, identity: createIdentity({ issuers, publicUrl, clock: () => time.now, monotonic: () => 0, logger, fetchFor: (configured) => outbound.fetchFor({ purpose: 'issuer', configured }) }) }
}

export const seconds = (at: number): number => Math.floor(at / 1000)

export const sign = (signer: Signer, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> =>
  new SignJWT({ sub: 'job-1', aud: crm, iat: seconds(start), exp: seconds(start) + 600, ...claims })
    .setProtectedHeader({ alg: signer.alg, kid: signer.kid, typ: 'at+jwt', ...header })
    .sign(signer.privateKey)

export const bearer = (token: string): readonly string[] => ['Host', 'gateway.example', 'Authorization', `Bearer ${token}`]
