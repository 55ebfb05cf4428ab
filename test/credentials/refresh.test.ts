import { randomBytes } from 'node:crypto'
import * as openid from 'openid-client'
import { createOAuthClient } from '../../src/credentials/oauth/client.ts'
import { createConnection, type Held } from '../../src/credentials/oauth/connection.ts'
import { tokensOf } from '../../src/credentials/oauth/tokens.ts'
import { createKept, type Kept } from '../../src/kept.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { interleaved } from '../login/interleaved.ts'
import { scratch } from '../store/scratch.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { startTokenServer, type TokenServer } from '../support/token-server.ts'

// One person's tokens, used by several processes over one store: a refresh token is good once.

const key = randomBytes(32)
const who = { issuer: 'https://people.example', subject: 'sam' }
const redirectUri = 'http://127.0.0.1:1/connect/crm/callback'
const day = 24 * 60 * 60_000
let offset = 0
const clock = () => Date.now() + offset
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
const createProcess = (around = (kept: Kept): Kept => kept, finding: () => Promise<unknown> = async () => undefined) => {
  const kept = around(createKept(store.kept, key, clock))
  const client = createOAuthClient({ url: server.url, redirectUri, settings: {}, secret: undefined, fetch, fetchServer: fetch, kept, clock })
  const held = createConnection(who, { upstream: 'crm', url: server.url, publicUrl: 'http://127.0.0.1:1', client: () => finding().then(() => client()), clientSecret: () => undefined, kept, clock, logger: silent, tell: () => undefined })
  return { client, held }
}
async function connectAs({ client, held }: ReturnType<typeof createProcess>, ttl: number) {
  tokens.ttl = ttl
  const known = await client()
  const verifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(known.client, { redirect_uri: known.redirectUri, state: 's', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', resource: server.url, scope: 'crm.read offline_access', prompt: 'consent' })
  const back = (await createPersonBrowser().visit(url.href, { follow: (next) => next.port !== '1' })).headers.get('location') ?? ''
  const granted = await openid.authorizationCodeGrant(known.client, new URL(back), { pkceCodeVerifier: verifier, expectedState: 's' }, { resource: server.url })
  await held.keep(tokensOf(granted, { issuer: tokens.issuer, url: server.url, since: clock() }, clock()))
}
const present = async (held: Held) => {
  const presented = await held.credential.present({ method: 'POST', url: server.url, headers: {} })
  if ('need' in presented) throw new Error(presented.need.code)
  return presented
}
const tokenOf = async (held: Held) => (await present(held)).headers['authorization']
const refreshes = () => tokens.asked.filter(({ grant }) => grant === 'refresh_token').length

test('many processes that need a new token at once get one between them, and all use it', async () => {
  const all = Array.from({ length: 4 }, () => createProcess())
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
    for (const end = performance.now() + 60_000; performance.now() < end; ) await present(other.held)
  })()).rejects.toThrow('not_connected')
})

test('what somebody connected by one process, another uses at once', async () => {
  const [one, other] = [createProcess(), createProcess()]
  await expect(present(other.held)).rejects.toThrow('not_connected')
  await connectAs(one, 3600)
  expect(await tokenOf(other.held)).toBe(await tokenOf(one.held))
})

test('who disconnects while a token is refreshed leaves nothing behind at the authorization server', async () => {
  const other = createProcess()
  let mayGo: (() => Promise<unknown>) | undefined
  const slow = createProcess((kept) => interleaved(kept, (step) => (step === 'swap upstream:token' ? mayGo?.() : undefined)))
  await connectAs(slow, 25)
  tokens.ttl = 3600
  mayGo = () => other.held.forget()
  const before = tokens.asked.length
  expect(await slow.held.credential.present({ method: 'POST', url: server.url, headers: {} })).toHaveProperty('need')
  // It was given one, and gave it back: it is good for nothing.
  expect(tokens.asked.slice(before).map(({ grant }) => grant)).toEqual(['refresh_token'])
  expect(tokens.paths.slice(-2)).toEqual(['POST /token/revocation', 'POST /token/revocation'])
  expect(await other.held.read()).toBeUndefined()
})

test('a server that takes long to be found does not let two processes use the same refresh token', async () => {
  let isSlow = true
  const two = createProcess()
  const one = createProcess(undefined, async () => {
    if (!isSlow) return
    isSlow = false
    // Longer than anybody waits for one exchange.
    offset += 25_000
    await tokenOf(two.held)
  })
  await connectAs(one, 25)
  tokens.ttl = 3600
  const before = refreshes()
  expect(await tokenOf(one.held)).toBe(await tokenOf(two.held))
  expect(refreshes() - before).toBe(1)
  offset = 0
})

test('whose account has ended is forgotten in a week, unless they come back and use it', async () => {
  const { held } = createProcess()
  const process = createProcess()
  await connectAs(process, 365 * 24 * 3600)
  await process.held.leave()
  await present(held)
  offset += 30 * day
  await present(createProcess().held)
  await createProcess().held.leave()
  offset += 8 * day
  expect(await createProcess().held.read()).toBeUndefined()
  offset = 0
})

test('what is used is kept, however long ago somebody connected', async () => {
  await connectAs(createProcess(), 365 * 24 * 3600)
  for (let times = 0; times < 5; times += 1) {
    offset += 60 * day
    await present(createProcess().held)
  }
  offset += 91 * day
  expect(await createProcess().held.read()).toBeUndefined()
  offset = 0
})
