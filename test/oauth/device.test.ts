import { connect } from '../support/gateway.ts'
import { createPersonBrowser, type PersonBrowser, type Visit } from '../support/person-browser.ts'
import { beginDevice, begunDevice, pollDevice } from './terminal.ts'
import { errorOf, refresh, registered, sam, samOnly, startWorld, type Tokens, type World } from './world.ts'

let world: World
let url: string

beforeAll(async () => {
  world = await startWorld({
    rego: { 'policies/people/people.rego': samOnly },
    identity: {
      clients: [
        { client_id: 'terminal', name: 'The terminal', grants: ['device_code'] },
        { client_id: 'other-terminal', name: 'Another terminal', grants: ['device_code'] },
        { client_id: 'desk', name: 'The desk', redirect_uris: ['http://127.0.0.1/callback'] },
      ],
      registration: { per_minute: 40 },
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'], description: 'delete customers' } } } },
  })
  url = world.url
})
afterAll(() => world.close())

const begin = (form?: Readonly<Record<string, string>>) => beginDevice(url, form)
const begun = (form?: Readonly<Record<string, string>>) => begunDevice(url, form)
const poll = (code: string, client?: string) => pollDevice(url, code, client)
const enter = async (browser: PersonBrowser, code: string): Promise<Visit> => browser.submit(await browser.visit(`${url}/oauth/device`), { user_code: code })
const answer = async (browser: PersonBrowser, code: string, word: 'allow' | 'deny'): Promise<Visit> => browser.submit(await enter(browser, code), { answer: word }, 'name="answer"')

test('the metadata name where a device begins', async () => {
  expect(await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json()).toMatchObject({ device_authorization_endpoint: `${url}/oauth/device/authorization` })
})

test('a device gets in by a code that its person types in elsewhere, once', async () => {
  const browser = createPersonBrowser()
  const { device_code: code, user_code: shown, ...more } = await begun({ scope: 'mcp:crm:write' })
  expect(more).toEqual({ verification_uri: `${url}/oauth/device`, verification_uri_complete: `${url}/oauth/device?user_code=${shown}`, expires_in: 600 })
  expect(await errorOf(await poll(code))).toEqual([400, 'authorization_pending'])
  const page = await enter(browser, shown.toLowerCase().replace('-', ' '))
  for (const said of ['The terminal', 'crm', sam.email, shown, 'delete customers', 'Go on only if']) expect(page.text).toContain(said)
  expect(await errorOf(await poll(code))).toEqual([400, 'authorization_pending'])
  expect((await browser.submit(page, { answer: 'allow' }, 'name="answer"')).text).toContain('Go back to your device')
  const tokens = (await (await poll(code)).json()) as Tokens
  expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'mcp:crm mcp:crm:write' })
  const person = await connect(`${url}/mcp/crm`, tokens.access_token, '2025-11-25')
  expect((await person.request('tools/call', { name: 'delete_one', arguments: {} })).result).toMatchObject({ content: [{ text: 'did delete_one' }] })
  const next = (await (await refresh(url, 'terminal', tokens.refresh_token)).json()) as Tokens
  expect((await connect(`${url}/mcp/crm`, next.access_token, '2025-11-25')).session).toBeDefined()
  // A second answer to the same code would be a second client: everything that came of it ends.
  expect((await enter(browser, shown)).text).toContain('No device waits')
  expect(await errorOf(await poll(code))).toEqual([400, 'invalid_grant'])
  expect(await errorOf(await refresh(url, 'terminal', next.refresh_token))).toEqual([400, 'invalid_grant'])
})

test('the address with the code in it asks all the same', async () => {
  const { device_code: code, verification_uri_complete: address } = await begun()
  const browser = createPersonBrowser()
  const page = await browser.visit(address)
  expect(page.text).not.toContain('The terminal')
  expect((await browser.submit(page)).text).toContain('The terminal')
  expect(await errorOf(await poll(code))).toEqual([400, 'authorization_pending'])
})

test('a no is told to the device', async () => {
  const { device_code: code, user_code: shown } = await begun()
  expect((await answer(createPersonBrowser(), shown, 'deny')).text).toContain('got nothing')
  expect(await errorOf(await poll(code))).toEqual([400, 'access_denied'])
})

test('of two answers at once the first counts, and of two polls one gets tokens', async () => {
  const { device_code: code, user_code: shown } = await begun()
  const browser = createPersonBrowser()
  const page = await enter(browser, shown)
  const answers = await Promise.all(['allow', 'allow', 'allow'].map((word) => browser.submit(page, { answer: word }, 'name="answer"')))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
  const polled = await Promise.all([poll(code), poll(code), poll(code)])
  expect(polled.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
})

test('a code is of one client', async () => {
  const { device_code: code, user_code: shown } = await begun()
  await answer(createPersonBrowser(), shown, 'allow')
  expect(await errorOf(await poll(code, 'other-terminal'))).toEqual([400, 'invalid_grant'])
  expect((await poll(code)).status).toBe(200)
})

test.each<readonly [string, Readonly<Record<string, string>>, readonly unknown[]]>([
  ['a client that was not given this', { client_id: 'desk' }, [400, 'invalid_request']],
  ['a name that nobody has', { client_id: 'nobody' }, [401, 'invalid_client']],
  ['no resource, where there are several', { resource: '' }, [400, 'invalid_target']],
  ['a resource that is not here', { resource: 'https://elsewhere.example/mcp' }, [400, 'invalid_target']],
])('%s begins nothing', async (_, form, expected) => {
  expect(await errorOf(await begin(form))).toEqual(expected)
})

test('a client that registered itself begins nothing', async () => {
  expect(await errorOf(await begin({ client_id: await registered(url) }))).toEqual([400, 'invalid_request'])
})

test('a form of another session is refused, and so is one without a session', async () => {
  const { user_code: shown, device_code: code } = await begun()
  const page = await enter(createPersonBrowser(), shown)
  const other = createPersonBrowser()
  await other.visit(`${url}/oauth/device`)
  expect((await other.submit(page, { answer: 'allow' }, 'name="answer"')).status).toBe(403)
  const nobody = await fetch(`${url}/oauth/device`, { method: 'POST', redirect: 'manual', headers: { origin: url }, body: new URLSearchParams({ user_code: shown, answer: 'allow' }) })
  expect(nobody.headers.get('location')).toMatch(/^\/login\?/)
  expect(await errorOf(await poll(code))).toEqual([400, 'authorization_pending'])
})

test('what waits ends with the account that said yes', async () => {
  const { user_code: shown, device_code: code } = await begun()
  const browser = createPersonBrowser()
  await answer(browser, shown, 'allow')
  await browser.submit(await browser.visit(`${url}/logout`), {}, 'value="everywhere"')
  expect(await errorOf(await poll(code))).toEqual([400, 'invalid_grant'])
})

test('codes cannot be tried out', async () => {
  const { user_code: shown } = await begun()
  const browser = createPersonBrowser()
  const page = await browser.visit(`${url}/oauth/device`)
  // A minute may turn in between, once.
  const tryOut = async (): Promise<readonly number[]> => {
    let last = page
    for (let tries = 0; tries < 50 && last.status !== 429; tries += 1) last = await browser.submit(page, { user_code: 'BBBB-BBBB' })
    return [last.status, (await browser.submit(page, { user_code: shown })).status]
  }
  const [wrong, right] = await tryOut()
  expect(right === 429 ? [wrong, right] : await tryOut()).toEqual([429, 429])
})

test('devices that begin are bounded from one address', async () => {
  let last = await begin()
  for (let sent = 0; sent < 100 && last.status !== 429; sent += 1) last = await begin()
  expect([last.status, last.headers.get('retry-after')]).toEqual([429, '60'])
})
