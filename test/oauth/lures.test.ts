import { createPersonBrowser } from '../support/person-browser.ts'
import { agree, authorizationUrl, pkce, sentBack, startWorld, untilBack, type World } from './world.ts'

// What somebody could be led into who is signed in, and has let a program in before.

const web = 'https://app.example/callback'
let world: World

beforeAll(async () => {
  world = await startWorld({
    identity: { clients: [{ client_id: 'web-app', name: 'The web app', redirect_uris: [web], client_secret_from: { env: 'WEB_APP_SECRET' } }] },
    env: { WEB_APP_SECRET: 'a-secret-of-the-confidential-client' },
  })
})
afterAll(() => world.close())

const begin = () => authorizationUrl(world.url, 'web-app', pkce(), { redirect_uri: web })
const toPage = (next: URL): boolean => !next.pathname.startsWith('/oauth/consent/')

test('a request that was begun in another browser is answered for nobody, though that page gave this one its cookie', async () => {
  const [victim, attacker] = [createPersonBrowser(), createPersonBrowser()]
  await agree(begin(), victim)
  expect((await victim.visit(begin(), { follow: untilBack })).headers.get('location')).toContain(`${web}?code=`)

  const page = new URL((await attacker.visit(begin(), { follow: toPage })).headers.get('location') ?? '', world.url)
  // A page beside the gateway, under the same domain, can give its visitors cookies for it.
  victim.setCookie(page.hostname, 'sallyport-consent', page.pathname.slice('/oauth/consent/'.length))
  const lured = await victim.visit(page.href, { follow: false })
  expect(lured.status).toBe(400)
  expect(lured.text).toContain('has expired')

  const resumed = await attacker.visit(`${world.url}${page.pathname.replace('/consent/', '/authorize/')}`, { follow: toPage })
  expect(resumed.headers.get('location') ?? '').not.toContain('code=')
})

test('several requests of one browser are each answered', async () => {
  const browser = createPersonBrowser()
  const pages = []
  for (const resource of ['crm', 'wiki']) pages.push(await browser.visit(authorizationUrl(world.url, 'web-app', pkce(), { redirect_uri: web, resource: `${world.url}/mcp/${resource}`, scope: `mcp:${resource}`, prompt: 'consent' }), { follow: untilBack }))
  for (const page of pages.reverse()) expect((await sentBack(page, browser)).searchParams.get('code')).not.toBeNull()
})
