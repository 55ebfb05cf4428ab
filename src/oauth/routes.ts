import type { IncomingMessage } from 'node:http'
import { Router, type RequestHandler } from 'express'
import type Provider from 'oidc-provider'
import type { JsonObject } from '../model.ts'
import type { RegisteredClients } from './clients.ts'
import { discoveryPaths, paths } from './provider.ts'
import { createAddressRate, type Tally } from './rates.ts'
import { createRegistration } from './registration.ts'
import { completed, type Resources } from './resources.ts'
import type { RegistrationSettings } from './settings.ts'
import type { createBroughtTokens } from './brought-tokens.ts'

/** Where 2025-03-26 clients go that find no metadata. */
const rootAliases = { '/authorize': paths.authorization, '/token': paths.token, '/register': paths.registration } as const

/** From one address; behind a proxy that is everybody. */
const beginsPerMinute = 6000
const longestRequest = 4096

export interface OAuthRouterParts {
  readonly publicUrl: string
  readonly provider: () => Provider
  readonly resources: Resources
  readonly clients: Pick<RegisteredClients, 'makeRoom' | 'from'>
  readonly registration: RegistrationSettings
  readonly brought: ReturnType<typeof createBroughtTokens>
  readonly consent: Router
  readonly device: Router
  readonly tally: Tally
}

/** Every path of the authorization server. */
export function createOAuthRouter({ publicUrl, provider, resources, clients, registration, brought, consent, device, tally }: OAuthRouterParts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const present = presenter(publicUrl)
  const pass: RequestHandler = (request, response, next) => {
    present(request)
    provider().callback()(request, response).catch(next)
  }
  const passBody = (bytes: Buffer): RequestHandler => (request, response, next) => pass(withBody(request, bytes), response, next)
  const passJson = (metadata: JsonObject): RequestHandler => passBody(Buffer.from(JSON.stringify(metadata)))

  router.use((request, _response, next) => {
    const [path = '', query] = request.url.split(/\?(.*)/s)
    const named = (rootAliases as Readonly<Record<string, string>>)[path] ?? path
    const url = query === undefined ? named : `${named}?${query}`
    request.url = named === paths.authorization && request.method === 'GET' ? completed(url, resources) : url
    next()
  })
  for (const path of discoveryPaths) router.get(path, pass)
  const mayBegin = createAddressRate('sign-ins', beginsPerMinute, tally)
  router.get(paths.authorization, async (request, response, next) => {
    // Each leaves what it asks in the store for half an hour, whoever asks.
    if (request.url.length > longestRequest) return void response.status(414).type('text/plain').send('This sign-in asks in too many words. Tell whoever runs the program that sent you here.\n')
    if (await mayBegin(request.socket.remoteAddress)) return pass(request, response, next)
    response.status(429).set('Retry-After', '60').type('text/plain').send('Too many sign-ins from this address. Try again in a minute.\n')
  })
  const mayBeginDevice = createAddressRate('devices', registration.per_minute, tally)
  router.post(paths.device_authorization, async (request, response, next) => {
    if (await mayBeginDevice(request.socket.remoteAddress)) return pass(request, response, next)
    response.status(429).set({ 'Retry-After': '60', 'Cache-Control': 'no-store' }).json({ error: 'temporarily_unavailable', error_description: 'too many devices from this address; try again in a minute' })
  })
  router.get([`${paths.authorization}/:uid`, paths.jwks], pass)
  router.post(paths.token, pass)
  router.post([paths.revocation, paths.introspection], ...brought.read, (request, response, next) => passBody(Buffer.from(new URLSearchParams(request.body as Record<string, string>).toString()))(request, response, next))
  if (registration.dynamic) router.post(paths.registration, ...createRegistration({ clients, perMinute: registration.per_minute, tally, pass: passJson }))
  router.use(consent)
  router.use(device)
  return router
}

/** The library takes its own address from the request; it is `public_url`, whatever stands in front of the gateway says. */
const presenter = (publicUrl: string) => {
  const { host, protocol } = new URL(publicUrl)
  return (request: IncomingMessage & { originalUrl?: string }): void => {
    for (const name of Object.keys(request.headers)) if (name.startsWith('x-forwarded-') || name === 'forwarded') delete request.headers[name]
    request.headers.host = host
    request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
    if (request.url !== undefined) request.originalUrl = request.url
  }
}

/** What was read, and may have been changed, is there to be read again. */
const withBody = <R extends IncomingMessage>(request: R, bytes: Buffer): R => {
  delete request.headers['transfer-encoding']
  request.headers['content-length'] = String(bytes.length)
  return Object.defineProperties(request, {
    readable: { value: true },
    iterator: { value: async function* () { yield bytes } },
  })
}
