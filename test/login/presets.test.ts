import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { provider, startWorld, type World } from './world.ts'

// What each provider documents of its ID tokens, from an issuer of our own: none of them was asked itself.
const tenant = '11111111-2222-3333-4444-555555555555'
let issuer: ShapedIssuer
let world: World

async function start(claims: Record<string, unknown>, settings: Readonly<Record<string, unknown>>, path = ''): Promise<void> {
  issuer = await startShapedIssuer(claims, { path })
  world = await startWorld([provider('corp', issuer, settings)])
}
afterEach(async () => {
  await world.close()
  await issuer.close()
})
const signIn = async () => {
  const page = await createPersonBrowser().visit(`${world.url}/login`)
  const [account] = await world.login.accounts.list()
  return { page, person: account?.person, asked: issuer.authorizations.at(-1) }
}

const entra = { ver: '2.0', tid: tenant, oid: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb', sub: 'pairwise-subject', name: 'Sam', preferred_username: 'sam@contoso.com', email: 'sam@contoso.com', uti: 'x', rh: 'y' }

test('Entra ID: groups by their ids, the tenant checked, an address only if its domain is owned', async () => {
  await start({ ...entra, groups: ['cccccccc-0000-0000-0000-000000000001'] }, { preset: 'entra' }, `/${tenant}/v2.0`)
  const { person, asked } = await signIn()
  expect(asked?.get('scope')?.split(' ')).toContain('offline_access')
  expect(person).toMatchObject({ kind: 'person', subject: 'pairwise-subject', groups: ['cccccccc-0000-0000-0000-000000000001'], groups_known: true })
  expect(person?.email).toBeUndefined()
  expect(person?.claims['oid']).toBe(entra.oid)
  expect(issuer.authentications).toEqual(['post'])
  issuer.shape.claims['xms_edov'] = true
  expect((await signIn()).person?.email).toBe('sam@contoso.com')
})

test('Entra ID: more groups than fit are unknown, not none', async () => {
  await start({ ...entra, _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.windows.net/…/getMemberObjects' } } }, { preset: 'entra' }, `/${tenant}/v2.0`)
  const { page, person } = await signIn()
  expect(person).toMatchObject({ groups: [], groups_known: false })
  expect(page.text).toContain('not known')
})

test.each([['another tenant', { tid: '99999999-2222-3333-4444-555555555555' }], ['no tenant', { tid: undefined }], ['nobody of the tenant', { oid: undefined }]])('Entra ID: %s is refused', async (_what, change) => {
  await start({ ...entra, groups: [], ...change }, { preset: 'entra' }, `/${tenant}/v2.0`)
  const { page, person } = await signIn()
  expect(page.status).toBe(403)
  expect(person).toBeUndefined()
})

test('Okta: the scope and claim of groups', async () => {
  await start({ sub: '00u1', ver: 1, jti: 'ID.x', amr: ['pwd', 'mfa'], idp: '00o1', name: 'Sam', email: 'sam@example.com', email_verified: true, groups: ['Everyone', 'oncall'] }, { preset: 'okta', require: { amr: ['mfa'] } })
  const { person, asked } = await signIn()
  expect(asked?.get('scope')?.split(' ')).toEqual(expect.arrayContaining(['groups', 'offline_access']))
  expect(person).toMatchObject({ groups: ['Everyone', 'oncall'], groups_known: true, email: 'sam@example.com' })
  // Where a list may have been cut off, nobody knows what else there is.
  issuer.shape.claims['groups'] = Array.from({ length: 100 }, (_, index) => `group-${index}`)
  expect((await signIn()).person).toMatchObject({ groups: [], groups_known: false })
  issuer.shape.claims['amr'] = ['pwd']
  expect((await signIn()).page.status).toBe(403)
})

test('Google: one domain only, groups unknown', async () => {
  await start({ sub: '1234567890', hd: 'example.com', email: 'sam@example.com', email_verified: true, name: 'Sam' }, { preset: 'google', domain: 'example.com' })
  const { person, asked } = await signIn()
  expect(asked?.get('hd')).toBe('example.com')
  expect(asked?.get('access_type')).toBe('offline')
  expect(person).toMatchObject({ groups: [], groups_known: false, email: 'sam@example.com' })
  for (const hd of ['evil.example', undefined]) {
    issuer.shape.claims['hd'] = hd
    const { page } = await signIn()
    expect(page.status).toBe(403)
    expect(page.text).toContain('example.com')
  }
})

test('Keycloak: groups of a mapper, or roles of the realm', async () => {
  await start({ sub: 'f1d2', preferred_username: 'sam', sid: 's1', acr: '1', email: 'sam@example.com', email_verified: true, groups: ['support'], realm_access: { roles: ['reviewer'] } }, { preset: 'keycloak' })
  expect((await signIn()).person?.groups).toEqual(['support'])
  await world.close()
  world = await startWorld([provider('corp', issuer, { preset: 'keycloak', claims: { groups: 'realm_access.roles' } })])
  expect((await signIn()).person?.groups).toEqual(['reviewer'])
  // Without its mapper nothing is said of groups, and that is not the same as none.
  issuer.shape.claims['realm_access'] = undefined
  expect((await signIn()).person?.groups_known).toBe(false)
})

test('Auth0: a claim under the name of a URL', async () => {
  await start({ sub: 'auth0|1', email: 'sam@example.com', email_verified: true, 'https://example.com/groups': ['support'], sid: 's' }, { preset: 'auth0', claims: { groups: 'https://example.com/groups' } })
  expect((await signIn()).person).toMatchObject({ subject: 'auth0|1', groups: ['support'], groups_known: true })
})
