import { randomBytes } from 'node:crypto'
import * as openid from 'openid-client'
import { createOAuthClient } from '../../src/credentials/oauth/client.ts'
import { createConnection, tokensOf, type Held } from '../../src/credentials/oauth/connection.ts'
import { createKept } from '../../src/kept.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { startTokenServer, type TokenServer } from '../support/token-server.ts'

// One person's tokens, used by several processes over one store: a refresh token is good once.

const key = randomBytes(32)
const who = { issuer: 'https://people.example', subject: 'sam' }
const redirectUri = 'http://127.0.0.1:1/connect/crm/callback'
let tokens: TokenServer
let server: ProtectedServer
let place: ReturnType<typeof scratch>
let store: Store

beforeAll(async () => {
  tokens = await startTokenServer()
  server = await startProtectedServer(tokens)
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
})
afterAll(async () => {
  await store?.close()
  place?.remove()
  await server?.close()
  await tokens?.close()
})

/** What each process has of its own. */
const createProcess = () => {
  const kept = createKept(store.kept, key, Date.now)
  const client = createOAuthClient({ url: server.url, redirectUri, settings: {}, secret: undefined, fetch, fetchServer: fetch, kept, clock: Date.now })
  const held = createConnection(who, { upstream: 'crm', url: server.url, publicUrl: 'http://127.0.0.1:1', client, clientSecret: () => undefined, kept, clock: Date.now, logger: silent, tell: () => undefined })
  return { client, held }
}
async function connectAs({ client, held }: ReturnType<typeof createProcess>, ttl: number) {
  tokens.ttl = ttl
  const known = await client()
  const verifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(known.client, { redirect_uri: redirectUri, state: 's', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', resource: server.url, scope: 'crm.read offline_access', prompt: 'consent' })
  const back = (await createPersonBrowser().visit(url.href, { follow: (next) => next.port !== '1' })).headers.get('location') ?? ''
  const granted = await openid.authorizationCodeGrant(known.client, new URL(back), { pkceCodeVerifier: verifier, expectedState: 's' }, { resource: server.url })
  await held.keep(tokensOf(granted, { issuer: tokens.issuer, url: server.url, since: Date.now() }, Date.now()))
}
const present = async (held: Held) => {
  const presented = await held.credential.present({ method: 'POST', url: server.url, headers: {} })
  if ('need' in presented) throw new Error(presented.need.code)
  return presented
}
const tokenOf = async (held: Held) => (await present(held)).headers['authorization']
const refreshes = () => tokens.asked.filter(({ grant }) => grant === 'refresh_token').length

test('many processes that need a new token at once get one between them, and all use it', async () => {
  const all = Array.from({ length: 4 }, createProcess)
  // It is good for less than the time before which a new one is asked for.
  await connectAs(all[0]!, 25)
  tokens.ttl = 3600
  const before = refreshes()
  const used = await Promise.all(all.flatMap(({ held }) => [tokenOf(held), tokenOf(held)]))
  expect(refreshes() - before).toBe(1)
  expect(new Set(used).size).toBe(1)
  expect(await tokens.accept(used[0]?.slice('Bearer '.length) ?? '')).toMatchObject({ who: tokens.person })
})

test('what one process disconnected, another does not use for longer than a moment', async () => {
  const [one, other] = [createProcess(), createProcess()]
  await connectAs(one, 3600)
  await present(other.held)
  expect(await one.held.forget()).toMatchObject({ url: server.url })
  await expect((async () => {
    for (const end = performance.now() + 10_000; performance.now() < end; ) await present(other.held)
  })()).rejects.toThrow('not_connected')
})
