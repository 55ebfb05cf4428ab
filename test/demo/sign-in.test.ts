import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authorizationUrl, pkce, redeem, registered, sentBack, untilBack, type Tokens } from '../oauth/world.ts'
import { connect } from '../support/gateway.ts'
import { startDemo, type DemoProcess } from '../support/demo-process.ts'
import { createPersonBrowser } from '../support/person-browser.ts'

let directory: string
let demo: DemoProcess
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-demo-'))
  demo = await startDemo(directory)
})
afterAll(async () => {
  await demo?.close()
  await rm(directory, { recursive: true, force: true })
})

/** A program that knows the address and nothing else; its person says who they are. */
async function signInAs(persona: string, resource = `${demo.url}/mcp/crm`, scope = 'mcp:crm'): Promise<string> {
  const own = pkce()
  const client = await registered(demo.url)
  const browser = createPersonBrowser()
  const page = await browser.visit(authorizationUrl(demo.url, client, own, { resource, scope }), { follow: untilBack })
  expect(page.text).toContain('Who are you?')
  const asked = await browser.submit(page, { persona })
  const back = await sentBack(asked, browser)
  const response = await redeem(demo.url, client, back.searchParams.get('code') ?? '', own.verifier, { resource })
  return ((await response.json()) as Tokens).access_token
}

test('a program with nothing but the address signs in one of the people, and is judged as them', async () => {
  const client = await connect(`${demo.url}/mcp/crm`, await signInAs('support'), '2025-11-25')
  expect(JSON.stringify((await client.request('tools/call', { name: 'get_customer', arguments: { id: 7 } })).result)).toContain('[CARD]')
  const me = await fetch(`${demo.url}/api/v1/me`, { headers: { authorization: `Bearer ${await signInAs('reviewer', `${demo.url}/api/v1`, 'api')}` } })
  expect(await me.json()).toMatchObject({ actor: { kind: 'person', subject: 'riley', provider: 'people', groups: ['oncall'], groups_known: true, email: 'riley@example.com' }, roles: ['reviewer'] })
})

test('somebody whom the demo does not know is nobody', async () => {
  const browser = createPersonBrowser()
  const page = await browser.visit(`${demo.url}/login`)
  expect((await browser.submit(page, { persona: 'ci' })).status).toBe(400)
  expect((await browser.submit(page, { persona: 'auditor' })).text).toContain('ada@example.com')
  const other = createPersonBrowser()
  expect((await other.visit(page.url)).status).toBe(400)
})
