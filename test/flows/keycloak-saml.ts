import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startBrowser } from '../support/browser.ts'
import { allowAll, startGateway, type TestGateway } from '../support/gateway.ts'
import type { Keycloak, Realm } from '../support/keycloak.ts'
import { createPersonBrowser, type PersonBrowser, type Visit } from '../support/person-browser.ts'
import { createKeyPair } from '../support/saml-keys.ts'
import { storeDirectory } from '../support/scratch.ts'

/** Keycloak makes of the gateway's own metadata what it knows of it. */
async function importMetadata(keycloak: Keycloak, realm: string, url: string): Promise<Record<string, unknown>> {
  const asked = await fetch(`${keycloak.url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' }) })
  const { access_token } = (await asked.json()) as { access_token: string }
  const metadata = await (await fetch(url)).text()
  const converted = await fetch(`${keycloak.url}/admin/realms/${realm}/client-description-converter`, { method: 'POST', headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/xml' }, body: metadata })
  if (!converted.ok) throw new Error(`the metadata was not imported: ${converted.status} ${await converted.text()}`)
  return (await converted.json()) as Record<string, unknown>
}

const mapper = (name: string, protocolMapper: string, config: Readonly<Record<string, string>>) => ({ name, protocol: 'saml', protocolMapper, config: { 'attribute.nameformat': 'Basic', ...config } })

/** SAML with a provider that nobody here wrote, in the suite that starts it. */
export function describeSaml(keycloakOf: () => Keycloak): void {
  describe('by SAML', () => {
    const service = createKeyPair('gateway')
    const directory = storeDirectory('keycloak-saml-')
    let gateway: TestGateway
    let realm: Realm
    const signIn = async (browser: PersonBrowser, password = 'correct horse'): Promise<Visit> => {
      const form = await browser.visit(`${gateway.url}/login`)
      const posted = await browser.submit(form, { username: 'sam', password })
      // Keycloak's page with the response, which a script would send.
      return posted.text.includes('SAMLResponse') ? browser.submit(posted) : posted
    }

    beforeAll(async () => {
      const keycloak = keycloakOf()
      // By another name than the gateway, so that browsers take them for two sites.
      const elsewhere = keycloak.url.replace('127.0.0.1', 'localhost')
      realm = await keycloak.realm({
        realm: 'saml', attributes: { frontendUrl: elsewhere }, groups: [{ name: 'support' }, { name: 'oncall' }],
        users: [{ username: 'sam', enabled: true, email: 'sam@example.com', emailVerified: true, firstName: 'Sam', lastName: 'Example', groups: ['/support', '/oncall'], credentials: [{ type: 'password', value: 'correct horse', temporary: false }] }],
      })
      const file = (name: string, text: string) => {
        writeFileSync(join(directory, name), text)
        return { file: join(directory, name) }
      }
      const pair = { key_from: file('key.pem', service.key), certificate: file('certificate.pem', service.certificate) }
      gateway = await startGateway({
        rego: { 'policies/open/open.rego': allowAll }, upstreams: { crm: { url: 'http://127.0.0.1:9/mcp' } },
        settings: { identity: { providers: [{ name: 'corp', kind: 'saml', preset: 'keycloak', metadata: { url: `${elsewhere}/realms/saml/protocol/saml/descriptor` }, sign_requests: pair, decryption: pair, want: { signed: 'assertion' } }] } },
      })
      const client = await importMetadata(keycloak, 'saml', `${gateway.url}/saml/corp/metadata`)
      await realm.admin('POST', '/clients', {
        ...client, frontchannelLogout: false,
        attributes: { ...(client['attributes'] as object), 'saml.encryption.keyAlgorithm': 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p', 'saml.encryption.digestMethod': 'http://www.w3.org/2000/09/xmldsig#sha1' },
        protocolMappers: [
          mapper('groups', 'saml-group-membership-mapper', { 'attribute.name': 'member', single: 'true', 'full.path': 'false' }),
          mapper('email', 'saml-user-property-mapper', { 'user.attribute': 'email', 'attribute.name': 'urn:oid:1.2.840.113549.1.9.1' }),
        ],
      })
    })
    afterAll(async () => {
      await gateway?.close()
      rmSync(directory, { recursive: true, force: true })
    })

    test('a person signs in by a signed request and an encrypted assertion, and is known with groups', async () => {
      const browser = createPersonBrowser()
      const refused = await signIn(browser, 'wrong')
      expect(refused.url).not.toContain(gateway.url)
      const page = await signIn(createPersonBrowser())
      expect(page.text).toContain('You are signed in')
      expect(page.text).toContain('sam@example.com')
      expect(page.text).toContain('<dd>oncall, support</dd>')
    })

    test('a person signs in with Chromium, whose cookies stay home when Keycloak posts', async () => {
      const browser = await startBrowser()
      try {
        const page = await browser.context.newPage()
        const posted = page.waitForRequest((request) => request.method() === 'POST' && request.url() === `${gateway.url}/saml/corp/acs`)
        await page.goto(`${gateway.url}/login`)
        await page.locator('#username').fill('sam')
        await page.locator('#password').fill('correct horse')
        await page.locator('#kc-login').click()
        await page.getByRole('heading', { name: 'You are signed in' }).waitFor()
        const headers = await (await posted).allHeaders()
        expect(headers['cookie']).toBeUndefined()
        expect(headers['origin']).toBe('null')
        expect(new URL(page.url()).origin).toBe(gateway.url)
        expect(await page.locator('dl').innerText()).toContain('oncall, support')
      } finally {
        await browser.close()
      }
    })

    test('signing out here signs out there too', async () => {
      const browser = createPersonBrowser()
      await signIn(browser)
      const left = await browser.submit(await browser.visit(`${gateway.url}/logout`), {}, 'value="provider"')
      const end = left.text.includes('SAMLResponse') ? await browser.submit(left) : left
      expect(end.url).toContain(`${gateway.url}/logout/done`)
      expect((await browser.visit(`${gateway.url}/login`)).text).toContain('password')
    })

    test('whose session an administrator ends is signed out here', async () => {
      const browser = createPersonBrowser()
      await signIn(browser)
      await realm.admin('POST', `/users/${await realm.userId('sam')}/logout`)
      expect((await browser.visit(`${gateway.url}/login`)).url).not.toContain(gateway.url)
    })
  })
}
