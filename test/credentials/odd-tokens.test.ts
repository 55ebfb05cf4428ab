import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createHeldToken, type Asked } from '../../src/credentials/held-token.ts'
import { allowAll, greetingOf, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a token endpoint may give for a token: what cannot be presented costs the call, and the server hears nothing.

const odd: Readonly<Record<string, object>> = {
  'with a line end': { access_token: 'a\r\nX-Other: 1', token_type: 'bearer' },
  'with a blank': { access_token: 'a b', token_type: 'bearer' },
  'in other letters': { access_token: 'tökén', token_type: 'bearer' },
  'of great length': { access_token: 'x'.repeat(100_000), token_type: 'bearer' },
  'bound to a key (RFC 9449)': { access_token: 'bound-token', token_type: 'DPoP' },
}
const names = Object.keys(odd)
let issuer: StubServer
let server: Server
let heard = 0
let gateway: TestGateway
beforeAll(async () => {
  let asked = 0
  issuer = await startStubServer((_request, response) => json(response, { expires_in: 3600, ...odd[names[(asked += 1) - 1] ?? ''] }))
  server = createServer({ maxHeaderSize: 1024 * 1024 }, (_request, response) => {
    heard += 1
    response.writeHead(500).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const credentials = { kind: 'client_credentials', token_url: `${new URL(issuer.url).origin}/token`, client_id: 'gateway', client_secret_from: { env: 'AS_SECRET' } }
  gateway = await startGateway({ upstreams: Object.fromEntries(names.map((_, index) => [`server${index}`, { url, credentials }])), rego: { 'policies/open/open.rego': allowAll }, env: { AS_SECRET: 'secret-at-the-issuer' } })
})
afterAll(async () => {
  await gateway?.close()
  await issuer?.close()
  server?.close()
})

test.each(names.map((name, index) => [name, `server${index}`]))('a token %s is not used', async (_name, upstream) => {
  const answer = await post(gateway.mcp(upstream), await gateway.token({ subject: 'ada', groups: [] }, upstream), greetingOf('ada'))
  expect(await answer.json()).toMatchObject({ error: { code: -33003 } })
  expect([answer.status, heard]).toEqual([502, 0])
})

test('a token that nobody may have any more is still looked for in what comes back', async () => {
  const answers: Asked[] = [{ token: { value: 'first-token', expiresAt: 2000 } }, { need: { code: 'sign_in_again', message: 'sign in' } }, { token: { value: 'third-token', expiresAt: 90_000 } }]
  let now = 0
  const held = createHeldToken({ clock: () => now, ask: async () => answers.shift() as Asked })
  for (now of [0, 10_000, 20_000]) await held.present({ method: 'POST', url: 'https://server.example/mcp', headers: {} })
  expect(held.secrets()).toEqual(['third-token', 'first-token'])
})
