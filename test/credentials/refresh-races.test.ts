import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as openid from 'openid-client'
import { createConnection, type Held } from '../../src/credentials/oauth/connection.ts'
import { createKept, type Kept } from '../../src/kept.ts'
import { clientOf } from '../../src/openid.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { interleaved } from '../login/interleaved.ts'
import { scratch } from '../store/scratch.ts'

// A refresh token that is good once: its server answers as each test says, and ends the connection of whoever shows one twice.

const url = 'https://crm.example/mcp'
const who = { issuer: 'https://people.example', subject: 'sam' }
let offset = 0
const clock = () => Date.now() + offset
let http: Server
let issuer: string
let place: ReturnType<typeof scratch>
let store: Store
/** What the token endpoint was shown. */
let shown: string[]
let answer: (refreshToken: string) => { readonly status?: number; readonly body?: object } | undefined
/** Told of every step of the store. */
let before: (step: string) => Promise<unknown> | undefined

beforeAll(async () => {
  http = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const token = new URLSearchParams(text).get('refresh_token') ?? ''
    const isUsed = shown.includes(token)
    shown.push(token)
    const answered = isUsed ? { status: 400, body: { error: 'invalid_grant' } } : answer(token)
    if (answered === undefined) return void request.socket.destroy()
    response.writeHead(answered.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answered.body ?? { token_type: 'Bearer', ...next() }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
  issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
})
afterAll(async () => {
  await store?.close()
  place?.remove()
  http?.close()
})
beforeEach(async () => {
  shown = []
  offset = 0
  answer = () => ({})
  before = () => undefined
  await createProcess().keep({ access: 'access-0', refresh: 'refresh-0', scope: 'crm.read crm.list', expiresAt: clock() - 1, issuer, url, since: clock() })
})

const away = 'the MCP server could not be reached'
const next = () => ({ access_token: `access-${shown.length}`, refresh_token: `refresh-${shown.length}`, expires_in: 3600 })

function createProcess(around = (kept: Kept): Kept => kept): Held {
  const kept = around(createKept(store.kept, key, clock))
  const client = async () => ({ server: { issuer, resource: url }, client: clientOf({ issuer, token_endpoint: `${issuer}/token` }, 'gateway', openid.None(), fetch), redirectUri: '' })
  return createConnection(who, { upstream: 'crm', url, publicUrl: 'http://127.0.0.1:1', client, clientSecret: () => undefined, kept, clock, logger: silent, tell: () => undefined })
}
const key = randomBytes(32)
const watched = () => createProcess((kept) => interleaved(kept, (step) => before(step)))
const present = (held: Held) => held.credential.present({ method: 'POST', url, headers: {} })
const tokenOf = async (held: Held): Promise<string> => {
  const presented = await present(held)
  return 'need' in presented ? presented.need.code : (presented.headers['authorization'] ?? '')
}

test('what is noted of a connection while its token is refreshed costs it neither the new tokens nor the note', async () => {
  offset = -60_000
  const presented = await present(createProcess())
  offset = 0
  if ('need' in presented) throw new Error(presented.need.code)
  const other = createProcess()
  let meanwhile: Promise<string> | undefined
  before = async (step) => {
    if (step !== 'swap upstream:token') return
    before = () => undefined
    await presented.lacks?.('Bearer error="insufficient_scope", scope="crm.write"')
    // Who finds the connection changed, and its token ended, does not use the same refresh token beside.
    meanwhile = tokenOf(other)
  }
  expect(await tokenOf(watched())).toBe('Bearer access-1')
  expect(await meanwhile).toBe('Bearer access-1')
  expect(await createProcess().read()).toMatchObject({ refresh: 'refresh-1', wanted: 'crm.write' })
  expect(shown).toEqual(['refresh-0'])
})

test('where another process cannot refresh it, no call goes out with the token that ended', async () => {
  let release: (value?: unknown) => void = () => undefined
  before = (step) => (step === 'drop upstream:refresh' ? new Promise((resolve) => (release = resolve)) : undefined)
  answer = () => ({ status: 503, body: {} })
  const first = tokenOf(watched()).catch((fault: Error) => fault.message)
  while (shown.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const second = tokenOf(createProcess()).catch((fault: Error) => fault.message)
  await new Promise((resolve) => setTimeout(resolve, 100))
  release()
  expect(await Promise.all([first, second])).toEqual([away, away])
})

test('a process that ends between being given a token and keeping it leaves a person who is asked to connect again', async () => {
  let isGone = false
  before = (step) => {
    isGone ||= step === 'swap upstream:token'
    return isGone ? new Promise(() => undefined) : undefined
  }
  void tokenOf(watched()).catch(() => undefined)
  while (!isGone) await new Promise((resolve) => setTimeout(resolve, 5))
  const waiting = tokenOf(createProcess()).catch((fault: Error) => fault.message)
  await new Promise((resolve) => setTimeout(resolve, 100))
  offset = 25_000
  expect(await waiting).toBe(away)
  expect([await tokenOf(createProcess()), await tokenOf(createProcess())]).toEqual(['not_connected', 'not_connected'])
  expect(shown).toEqual(['refresh-0', 'refresh-0'])
})

test.each<[string, ReturnType<typeof answer>]>([
  ['answers with 500', { status: 500, body: {} }],
  ['loses the connection', undefined],
  ['says that the token ended long ago', { body: { token_type: 'Bearer', access_token: 'a', refresh_token: 'r', expires_in: -5 } }],
  ['says in words how long it is good', { body: { token_type: 'Bearer', access_token: 'a', refresh_token: 'r', expires_in: 'soon' } }],
])('where the server took the refresh token and %s, the person is asked to connect again', async (_what, given) => {
  answer = () => given
  await expect(tokenOf(createProcess())).rejects.toThrow(away)
  expect([await tokenOf(createProcess()), await tokenOf(createProcess())]).toEqual(['not_connected', 'not_connected'])
  expect(shown).toEqual(['refresh-0', 'refresh-0'])
})

test.each<[string, ReturnType<typeof answer>]>([
  ['wants its person there (Microsoft)', { status: 400, body: { error: 'interaction_required' } }],
  ['has not got their consent', { status: 400, body: { error: 'consent_required' } }],
  ['tells it with 200 (GitHub)', { body: { error: 'bad_refresh_token', error_description: 'The refresh token passed is incorrect or expired.' } }],
])('a server that refuses and %s is asked once, and the person to connect again', async (_what, given) => {
  answer = () => given
  expect([await tokenOf(createProcess()), await tokenOf(createProcess())]).toEqual(['not_connected', 'not_connected'])
  expect(shown).toEqual(['refresh-0'])
})

test('what a server leaves out of its answer stays as it was (RFC 6749 section 6)', async () => {
  answer = () => ({ body: { token_type: 'Bearer', access_token: 'another', expires_in: 3600 } })
  expect(await tokenOf(createProcess())).toBe('Bearer another')
  expect(await createProcess().read()).toMatchObject({ refresh: 'refresh-0', scope: 'crm.read crm.list' })
})

test.each([0, '3600', 1e300])('a token that is good for %p seconds is used for the call that asked', async (seconds) => {
  answer = () => ({ body: { token_type: 'Bearer', ...next(), expires_in: seconds } })
  expect(await tokenOf(createProcess())).toBe('Bearer access-1')
})

test('a server that gives the same access token for longer, and another refresh token, is shown none twice', async () => {
  answer = () => ({ body: { token_type: 'Bearer', ...next(), access_token: 'access-0' } })
  let other: Promise<string> | undefined
  before = async (step) => {
    if (step !== 'swap upstream:token') return
    before = () => undefined
    other = tokenOf(createProcess())
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(await tokenOf(watched())).toBe('Bearer access-0')
  expect(await other).toBe('Bearer access-0')
  const late = createProcess((kept) => interleaved(kept, (step) => before(step)))
  offset = 3_600_000
  before = async (step) => {
    if (step !== 'add upstream:refresh') return
    before = () => undefined
    expect(await tokenOf(createProcess())).toBe('Bearer access-0')
  }
  expect(await tokenOf(late)).toBe('Bearer access-0')
  expect(shown).toEqual(['refresh-0', 'refresh-1'])
})

test('of somebody who has connected again meanwhile, the new tokens stay', async () => {
  before = async (step) => {
    if (step !== 'swap upstream:token') return
    before = () => undefined
    await createProcess().keep({ access: 'of-another-account', refresh: 'refresh-of-it', expiresAt: clock() + 3_600_000, issuer, url, since: clock() })
  }
  expect(await tokenOf(watched())).toBe('Bearer of-another-account')
  expect(await tokenOf(createProcess())).toBe('Bearer of-another-account')
})
