import { createPersonBrowser } from '../support/person-browser.ts'
import { greetingOf } from '../support/gateway.ts'
import { authorizationUrl, pkce, redirect, startWorld, untilBack, type Pkce, type Tokens, type World } from '../oauth/world.ts'
import { fetchFrom, killWorker } from './by-worker.ts'

// A browser, its client and a device each come by connections of their own, to whichever worker has its turn.

const count = 3
const perMinute = 6
let world: World
let url: string
let fetches: readonly (typeof fetch)[]

beforeAll(async () => {
  world = await startWorld({ settings: { workers: count, logging: { level: 'error' } }, identity: { clients: [{ client_id: 'terminal', name: 'The terminal', grants: ['device_code'] }], registration: { per_minute: perMinute } } })
  url = world.url
  fetches = Array.from({ length: count }, (_, slot) => fetchFrom(url, slot))
})
afterAll(() => world.close())

const at = (worker: number): typeof fetch => fetches[worker % count] ?? fetch
/** Every request goes to the next worker. */
const inTurn = (first: number): typeof fetch => {
  let next = first
  return (...asked) => at(next++)(...asked)
}
const post = (worker: number, path: string, form: Readonly<Record<string, string>>) =>
  at(worker)(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(form).toString() })
async function registeredAt(worker: number): Promise<string> {
  const answer = await at(worker)(`${url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: 'A test', redirect_uris: [redirect], token_endpoint_auth_method: 'none' }) })
  return ((await answer.json()) as { client_id: string }).client_id
}
const redeemAt = (worker: number, client: string, code: string, { verifier }: Pkce) => post(worker, '/oauth/token', { grant_type: 'authorization_code', client_id: client, code, code_verifier: verifier, redirect_uri: redirect })
const refreshAt = (worker: number, client: string, token: string) => post(worker, '/oauth/token', { grant_type: 'refresh_token', client_id: client, refresh_token: token })
const everywhere = <T>(act: (worker: number) => Promise<T>): Promise<readonly T[]> => Promise.all(fetches.map((_, worker) => act(worker)))
const statuses = async (answers: Promise<readonly Response[]>) => (await answers).map(({ status }) => status)
const usedEverywhere = (token: string) =>
  statuses(everywhere((worker) => at(worker)(`${url}/mcp/crm`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: JSON.stringify(greetingOf('plain')) })))
const tokensIn = async (answer: Response) => {
  const tokens = (await answer.json()) as Tokens
  expect([answer.status, tokens]).toEqual([200, expect.objectContaining({ token_type: 'Bearer' })])
  return tokens
}

test.each([0, 1, 2])('each step of a sign-in may come to another worker, and what it gives is good once in all of them (from %i)', async (first) => {
  const [client, own] = [await registeredAt(first), pkce()]
  const browser = createPersonBrowser({}, inTurn(first))
  const page = await browser.visit(authorizationUrl(url, client, own), { follow: untilBack })
  const back = await browser.submit(page, { answer: 'allow' }, 'name="answer"', untilBack)
  const code = new URL(back.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const tokens = await tokensIn(await redeemAt(first + 1, client, code, own))
  expect(await usedEverywhere(tokens.access_token)).toEqual([200, 200, 200])
  const { access_token: token, refresh_token: next } = await tokensIn(await refreshAt(first + 2, client, tokens.refresh_token))
  expect(await usedEverywhere(token)).toEqual([200, 200, 200])
  // Shown several times at once it is in somebody else's hands too: one may get an answer, and all that came of it ends.
  expect((await statuses(everywhere((worker) => refreshAt(worker, client, next)))).filter((status) => status === 200).length).toBeLessThanOrEqual(1)
  expect(await usedEverywhere(token)).toEqual([401, 401, 401])
  expect(await statuses(everywhere((worker) => redeemAt(worker, client, code, own)))).toEqual([400, 400, 400])
})

test('workers that are killed on the way take nothing of a sign-in with them', async () => {
  const [client, own, browser] = [await registeredAt(0), pkce(), createPersonBrowser({}, inTurn(0))]
  const page = await browser.visit(authorizationUrl(url, client, own), { follow: untilBack })
  await killWorker(url, 0)
  const back = await browser.submit(page, { answer: 'allow' }, 'name="answer"', untilBack)
  const code = new URL(back.headers.get('location') ?? '').searchParams.get('code') ?? ''
  await killWorker(url, 1)
  const tokens = await tokensIn(await redeemAt(1, client, code, own))
  expect(await usedEverywhere(tokens.access_token)).toEqual([200, 200, 200])
})

test('a device, its person and its polls come to different workers, one of which is killed meanwhile', async () => {
  const begun = (await (await post(0, '/oauth/device/authorization', { client_id: 'terminal', resource: `${url}/mcp/crm` })).json()) as { device_code: string; user_code: string }
  const poll = (worker: number) => post(worker, '/oauth/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: begun.device_code, client_id: 'terminal' })
  const browser = createPersonBrowser({}, inTurn(1))
  const page = await browser.submit(await browser.visit(`${url}/oauth/device`), { user_code: begun.user_code })
  expect(await Promise.all((await everywhere(poll)).map((answer) => answer.json()))).toEqual(Array(count).fill(expect.objectContaining({ error: 'authorization_pending' })))
  await killWorker(url, 0)
  // Of several answers at several workers one counts.
  const answers = await Promise.all(fetches.map((ask) => {
    const same = createPersonBrowser({}, ask)
    for (const [name, value] of browser.cookies(new URL(url).hostname)) same.setCookie(new URL(url).hostname, name, value)
    return same.submit(page, { answer: 'allow' }, 'name="answer"')
  }))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
  const tokens = await tokensIn(await poll(2))
  expect(await usedEverywhere(tokens.access_token)).toEqual([200, 200, 200])
  expect(await statuses(everywhere(poll))).toEqual([400, 400, 400])
  expect(await usedEverywhere(tokens.access_token)).toEqual([401, 401, 401])
})

test('what one address may begin in a minute, and how often a person may be wrong, is counted once for all workers', async () => {
  const begin = (worker: number) => post(worker, '/oauth/device/authorization', { client_id: 'terminal', resource: `${url}/mcp/crm` })
  const begun = await statuses(Promise.all(Array.from({ length: 4 * perMinute }, (_, times) => begin(times))))
  expect(new Set(begun)).toEqual(new Set([200, 429]))
  // A minute may turn in between, once.
  expect(begun.filter((status) => status === 200).length).toBeLessThanOrEqual(2 * perMinute)
  const browser = createPersonBrowser({}, inTurn(0))
  const page = await browser.visit(`${url}/oauth/device`)
  const wrong = await Promise.all(Array.from({ length: 29 }, () => browser.submit(page, { user_code: 'BBBB-BBBB' })))
  expect(wrong.filter(({ status }) => status === 400).length).toBeLessThanOrEqual(2 * 10)
})
