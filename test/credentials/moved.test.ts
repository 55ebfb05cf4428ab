import { randomBytes } from 'node:crypto'
import { redirectUriFor } from '../../src/credentials/oauth/client.ts'
import { createConnections } from '../../src/credentials/oauth/connections.ts'
import { createKept, type Kept } from '../../src/kept.ts'
import type { KnownActor } from '../../src/model.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startProtectedServer, type ProtectedServer } from '../support/protected-server.ts'
import { startTokenServer, type TokenServer } from '../support/token-server.ts'

// A server that is with another authorization server now, or where the gateway had to register again: one process has found out, the others have not.

const key = randomBytes(32)
const sam: KnownActor = { kind: 'person', issuer: 'https://people.example', subject: 'sam', provider: 'corp', groups: [], groups_known: true, claims: {} }
const publicUrl = 'http://127.0.0.1:1'
let former: TokenServer
let tokens: TokenServer
let server: ProtectedServer
let place: ReturnType<typeof scratch>
let store: Store
let kept: Kept

beforeAll(async () => {
  former = await startTokenServer()
  tokens = await startTokenServer()
})
afterAll(() => Promise.all([former.close(), tokens.close()]))
beforeEach(async () => {
  server = await startProtectedServer(tokens)
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
  kept = createKept(store.kept, key, Date.now)
  tokens.ttl = 3600
})
afterEach(async () => {
  await store.close()
  place.remove()
  await server.close()
})

/** What each process has of its own. */
function createProcess() {
  const connections = createConnections({ kept, publicUrl, clock: Date.now, logger: silent })
  const credential = connections.add({ upstream: 'crm', url: server.url, settings: { kind: 'oauth' }, secret: () => { throw new Error('there is none') }, fetch, fetchServer: fetch, tell: () => undefined }).of(sam)
  const crm = connections.get('crm')
  if (crm === undefined) throw new Error('not added')
  return { crm, credential }
}
type Process = ReturnType<typeof createProcess>
/** With what the person comes back from where they were sent. */
async function agree({ crm }: Process): Promise<[search: string, place: string | undefined]> {
  const begun = await crm.begin(sam)
  if (!begun.ok) throw new Error(begun.message)
  const { headers } = await createPersonBrowser().visit(begun.location.href, { follow: (next) => next.port !== '1' })
  const { search, pathname } = new URL(headers.get('location') ?? '')
  return [search, pathname.split('/')[4]]
}
const presentedBy = async ({ credential }: Process) => {
  const presented = await credential.present({ method: 'POST', url: server.url, headers: {} })
  return 'need' in presented ? presented.need.code : presented.headers['authorization']?.replace('Bearer ', '')
}

const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['the server is with another authorization server', async () => {
    server.metadata = { ...(server.metadata as object), authorization_servers: [tokens.issuer] }
  }],
  ['the gateway\'s registration has run out', () => kept.drop('upstream:client', JSON.stringify([tokens.issuer, redirectUriFor(tokens.issuer, `${publicUrl}/connect/crm/callback`)]))],
]
/** Processes that know what was there before. */
async function change([what, act]: (typeof changes)[number]): Promise<readonly [Process, Process, Process]> {
  if (what.startsWith('the server')) server.metadata = { ...(server.metadata as object), authorization_servers: [former.issuer] }
  const all = [createProcess(), createProcess(), createProcess()] as const
  await Promise.all(all.map(({ crm }) => crm.begin(sam)))
  await act()
  return all
}

test.each(changes)('whoever began at a process that knows is connected by another that does not: %s', async (...its) => {
  const [one, other] = await change(its)
  expect(await other.crm.finish(sam, ...(await agree(one)))).toEqual({ ok: true })
  expect(await tokens.accept((await presentedBy(other)) ?? '')).toMatchObject({ who: tokens.person })
})

test.each(changes)('what a process that knows was given, others that do not refresh and give back: %s', async (...its) => {
  const [one, other, third] = await change(its)
  tokens.ttl = 25 // good for less than the time before which a new one is asked for
  expect(await one.crm.finish(sam, ...(await agree(one)))).toEqual({ ok: true })
  tokens.ttl = 3600
  const token = (await presentedBy(other)) ?? ''
  expect(await tokens.accept(token)).toMatchObject({ who: tokens.person })
  expect(await third.crm.disconnect(sam)).toEqual({ revoked: true })
  expect(await tokens.accept(token)).toBeUndefined()
})
