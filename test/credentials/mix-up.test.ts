import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPersonBrowser, type PersonBrowser } from '../support/person-browser.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { startTokenServer, type TokenServer } from '../support/token-server.ts'
import { registered, signInBy, startWorld, type World } from '../oauth/world.ts'

// Mix-up (RFC 9700 section 4.4): a server names an authorization server of its own in place of the honest one, which does not say in its answers who it is (RFC 9207).

let honest: TokenServer
let evil: Server
let evilIssuer: string
/** Where it sends people, and as which client. */
let evilAuthorization: string
let clientId: string
let codes: string[] = []
let server: ProtectedServer
let world: World
let browser: PersonBrowser

beforeAll(async () => {
  honest = await startTokenServer()
  server = await startProtectedServer(honest)
  evil = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { pathname, searchParams } = new URL(request.url ?? '/', evilIssuer)
    if (pathname === '/authorize') {
      // As the gateway would ask the honest one.
      const there = new URL(evilAuthorization)
      for (const [name, value] of searchParams) if (!there.searchParams.has(name)) there.searchParams.set(name, value)
      return void response.writeHead(303, { location: there.href }).end()
    }
    if (pathname === '/token') codes.push(new URLSearchParams(body).get('code') ?? '')
    const answers: Readonly<Record<string, object>> = {
      '/.well-known/oauth-authorization-server': {
        issuer: evilIssuer, authorization_endpoint: evilAuthorization.includes('redirect_uri') ? `${evilIssuer}/authorize` : evilAuthorization, token_endpoint: `${evilIssuer}/token`,
        registration_endpoint: `${evilIssuer}/reg`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'],
      },
      '/reg': { client_id: clientId, token_endpoint_auth_method: 'none' },
      '/token': { access_token: 'of-the-evil-one', token_type: 'Bearer' },
    }
    response.writeHead(pathname === '/reg' ? 201 : answers[pathname] === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answers[pathname] ?? {}))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => evil.once('listening', resolve))
  evilIssuer = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
  world = await startWorld({ upstreams: { crm: { url: server.url, credentials: { kind: 'oauth' } } }, settings: { outbound: { allow: ['127.0.0.1'] } } })
  browser = createPersonBrowser()
  await signInBy(world.url, await registered(world.url), { browser, resource: `${world.url}/mcp/crm`, scope: 'mcp:crm' })
})
afterAll(async () => {
  await world?.close()
  await server?.close()
  evil?.close()
  await honest?.close()
})

const page = () => browser.visit(`${world.url}/connect/crm`)
const begin = async () => `${world.url}${/href="(\/connect\/[^"]+\/begin[^"]*)"/.exec((await page()).text)?.[1] ?? '/none'}`
/** As far as the answer of an authorization server. */
async function answerOf(saysWho = false): Promise<{ readonly asked: URL; readonly callback: URL | undefined }> {
  const visit = await browser.visit(await begin(), { follow: (next) => !next.pathname.includes('/callback') })
  const location = visit.headers.get('location')
  const callback = location === null ? undefined : new URL(location, visit.url)
  if (!saysWho) callback?.searchParams.delete('iss')
  return { asked: new URL(visit.way.find((url) => url.startsWith(`${honest.issuer}/auth?`)) ?? visit.url), callback }
}

test('a code of one authorization server is given to no other, whatever the server names meanwhile', async () => {
  const { asked, callback } = await answerOf(true)
  expect((await browser.visit(callback?.href ?? '')).text).toContain('Connected since')
  clientId = asked.searchParams.get('client_id') ?? ''
  const ownRedirect = asked.searchParams.get('redirect_uri') ?? ''
  const honestly = `${honest.issuer}/auth`

  server.metadata = { ...(server.metadata as object), authorization_servers: [evilIssuer] }
  // Its metadata names the page of the honest one, ...
  evilAuthorization = honestly
  const straight = await answerOf()
  if (straight.callback !== undefined) await browser.visit(straight.callback.href)
  expect(codes).toEqual([])
  // ... or its own page leads there, with the address that the honest one knows.
  evilAuthorization = `${honestly}?redirect_uri=${encodeURIComponent(ownRedirect)}`
  const around = await answerOf()
  expect(around.callback?.searchParams.get('code')).toBeTruthy()
  expect((await browser.visit(around.callback?.href ?? '')).status).toBe(400)
  expect(codes).toEqual([])
})
