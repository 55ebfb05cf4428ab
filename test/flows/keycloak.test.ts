import { registered, signInBy } from '../oauth/world.ts'
import { allowAll, connect, greetingOf, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { readEvents } from '../support/events.ts'
import { startKeycloak, type Keycloak, type Realm } from '../support/keycloak.ts'
import { startBrowser } from '../support/browser.ts'
import { createPersonBrowser, type PersonBrowser } from '../support/person-browser.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { describeSaml } from './keycloak-saml.ts'

// One Keycloak for everything that wants a provider which nobody here wrote.
const secret = 'a-secret-that-keycloak-and-the-gateway-share'
let keycloak: Keycloak
let realm: Realm
let upstream: StubServer
let gateway: TestGateway

const user = (username: string, groups: readonly string[]) => ({
  username, enabled: true, email: `${username}@example.com`, emailVerified: true, firstName: username, lastName: 'Example', groups: groups.map((group) => `/${group}`), credentials: [{ type: 'password', value: 'correct horse', temporary: false }],
})

beforeAll(async () => {
  keycloak = await startKeycloak()
  const answer = mcpAnswers({ 'tools/list': () => ({ tools: [] }) })
  upstream = await startStubServer((request, response) => {
    if (request.method !== 'GET') return answer(request, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'still here' } })}\n\n`), 100)
    response.once('close', () => clearInterval(timer))
  })
  gateway = await startGateway({
    rego: { 'policies/open/open.rego': allowAll }, upstreams: { crm: { url: upstream.url } },
    settings: { identity: { refresh: '1s', clients: [{ client_id: 'terminal', name: 'The terminal', grants: ['device_code'] }], providers: [{ name: 'corp', kind: 'oidc', preset: 'keycloak', issuer: `${keycloak.url}/realms/corp`, client_id: 'sallyport', client_secret_from: { env: 'KEYCLOAK_SECRET' } }] } },
    env: { KEYCLOAK_SECRET: secret },
  })
  realm = await keycloak.realm({
    realm: 'corp',
    groups: [{ name: 'support' }, { name: 'oncall' }],
    users: [user('sam', ['support', 'oncall']), user('riley', ['oncall']), user('ada', [])],
    clients: [{
      clientId: 'sallyport', secret, redirectUris: [`${gateway.url}/login/corp/callback`],
      attributes: { 'backchannel.logout.url': `${gateway.url}/login/corp/backchannel-logout`, 'backchannel.logout.session.required': 'true', 'post.logout.redirect.uris': `${gateway.url}/logout/done`, 'pkce.code.challenge.method': 'S256' },
      protocolMappers: [{ name: 'groups', protocol: 'openid-connect', protocolMapper: 'oidc-group-membership-mapper', config: { 'claim.name': 'groups', 'full.path': 'false', 'id.token.claim': 'true', 'access.token.claim': 'false', 'userinfo.token.claim': 'true' } }],
    }],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
  await keycloak?.close()
})

/** A browser that has an open session at Keycloak: it is not asked again. */
async function signedIn(username: string): Promise<PersonBrowser> {
  const browser = createPersonBrowser()
  const page = await browser.submit(await browser.visit(`${gateway.url}/login`), { username, password: 'correct horse' })
  expect(page.text).toContain('You are signed in')
  expect(page.text).toContain(`${username}@example.com`)
  return browser
}

async function withStream(username: string) {
  const browser = await signedIn(username)
  const token = (await signInBy(gateway.url, await registered(gateway.url), { browser })).access_token
  const client = await connect(gateway.mcp('crm'), token, '2025-06-18')
  const stream = await fetch(gateway.mcp('crm'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-06-18' } })
  const begun = Promise.withResolvers<void>()
  const ended = (async () => {
    try {
      for await (const event of readEvents(stream)) if (event.data !== '') begun.resolve()
    } catch {
      // cut off, which is an end too
    }
  })()
  await begun.promise
  const isOut = async () => expect((await post(gateway.mcp('crm'), token, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })).status).toBe(401)
  return { browser, client, ended, isOut }
}

test('a wrong password lets nobody in, the right one does, and signing out there too ends what Keycloak keeps', async () => {
  const browser = createPersonBrowser()
  const form = await browser.visit(`${gateway.url}/login`)
  const again = await browser.submit(form, { username: 'ada', password: 'wrong' })
  expect(again.url).toContain(keycloak.url)
  await browser.submit(again, { username: 'ada', password: 'correct horse' })
  const leaving = await browser.visit(`${gateway.url}/logout`)
  expect(leaving.headers.get('content-security-policy')).toContain(`form-action 'self' ${keycloak.url}`)
  const left = await browser.submit(leaving, {}, 'value="provider"')
  expect(left.url).toContain(`${gateway.url}/logout/done`)
  // Keycloak asks for the password again.
  expect((await browser.visit(`${gateway.url}/login`)).url).toContain(keycloak.url)
})

test('in Chromium: in by way of a device, and out, here and at Keycloak', async () => {
  const browser = await startBrowser()
  try {
    const page = await browser.context.newPage()
    const asDevice = async (path: string, form: Readonly<Record<string, string>>) => (await (await fetch(`${gateway.url}/oauth/${path}`, { method: 'POST', body: new URLSearchParams({ client_id: 'terminal', ...form }) })).json()) as Readonly<Record<string, string>>
    const device = await asDevice('device/authorization', { resource: gateway.mcp('crm') })
    await page.goto(device['verification_uri_complete'] ?? '')
    await page.getByLabel('Username').fill('ada')
    await page.getByLabel('Password', { exact: true }).fill('correct horse')
    await page.getByRole('button', { name: 'Sign In' }).click()
    // The code came along; the person still says yes.
    expect(await page.getByLabel('The code that your device shows').inputValue()).toBe(device['user_code'])
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByText('ada@example.com').waitFor()
    await page.getByRole('button', { name: 'Allow', exact: true }).click()
    await page.getByRole('heading', { name: 'Done' }).waitFor()
    const { access_token: token = '' } = await asDevice('token', { device_code: device['device_code'] ?? '', grant_type: 'urn:ietf:params:oauth:grant-type:device_code' })
    expect((await post(gateway.mcp('crm'), token, greetingOf('terminal'))).status).toBe(200)

    await page.goto(`${gateway.url}/login`)
    await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
    await page.getByText('ada@example.com').waitFor()
    const [session] = (await browser.context.cookies(gateway.url)).filter(({ name }) => name === 'sallyport')
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' })

    await page.getByRole('link', { name: 'Sign out' }).click()
    // Chromium holds where a form's answer leads against the page that it is on.
    await page.getByRole('button', { name: 'Sign out here and at Keycloak' }).click()
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await page.getByRole('link', { name: 'Sign in again' }).click()
    await page.getByLabel('Username').waitFor()
  } finally {
    await browser.close()
  }
})

test('whom Keycloak disables loses a running stream, without a call', async () => {
  const own = await withStream('sam')
  const id = await realm.userId('sam')
  await realm.admin('PUT', `/users/${id}`, { enabled: false })
  await own.ended
  await own.isOut()
  await realm.admin('PUT', `/users/${id}`, { enabled: true })
})

test('whose session an administrator ends loses it by back-channel logout', async () => {
  const own = await withStream('riley')
  await realm.admin('POST', `/users/${await realm.userId('riley')}/logout`)
  await own.ended
  await own.isOut()
})

test('who leaves a group is judged without it', async () => {
  const own = await withStream('sam')
  const [id, groups] = [await realm.userId('sam'), (await realm.admin('GET', '/groups')) as readonly { readonly id: string; readonly name: string }[]]
  await realm.admin('DELETE', `/users/${id}/groups/${groups.find(({ name }) => name === 'oncall')?.id}`)
  await own.ended
  expect((await own.browser.visit(`${gateway.url}/login`)).text).not.toContain('oncall')
})

describeSaml(() => keycloak)
