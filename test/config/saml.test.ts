import { loadSettings } from '../../src/config/load.ts'
import { createKeyPair } from '../support/saml-keys.ts'
import { createPlace, good, writeConfiguration, type Content } from './configuration.ts'

const own = createKeyPair('gateway')
const other = createKeyPair('somebody else')
const idp = { issuer: 'https://idp.example/metadata', entry_point: 'https://idp.example/sso', certificate: { file: 'idp.pem' } }
const pair = { key_from: { file: 'key.pem' }, certificate: { file: 'own.pem' } }

const load = async (providers: readonly Content[]) => {
  const place = await createPlace({ 'idp.pem': other.certificate, 'own.pem': own.certificate, 'other.pem': other.certificate, 'key.pem': own.key, 'none.pem': 'nothing', 'metadata.xml': '<a/>' })
  const content = good({ identity: { providers: providers.map((one) => ({ kind: 'saml', name: 'corp', ...one })) } })
  return loadSettings(await writeConfiguration(place, content), { PATH: process.env['PATH'] })
}

test('a provider by its own words, with files beside the configuration', async () => {
  const loaded = await load([{ ...idp, sign_requests: pair, decryption: pair, preset: 'adfs', want: { signed: 'response' }, max_age: '8h', skew: '60s' }])
  expect(loaded).toMatchObject({ ok: true })
  if (!loaded.ok) return
  expect(loaded.settings.identity.providers[0]).toMatchObject({ kind: 'saml', certificate: { file: expect.stringMatching(/^\/.*idp\.pem$/) as unknown } })
  expect(loaded.secrets.get('identity.providers.0.decryption.key')).toContain('PRIVATE KEY')
  expect(JSON.stringify(loaded.settings)).not.toContain('PRIVATE KEY')
})

test.each<readonly [string, Content, string, RegExp]>([
  ['nothing of the provider', {}, 'identity.providers[0].issuer', /metadata in place of/],
  ['metadata and what it says beside it', { metadata: { url: 'https://idp.example/m' }, entry_point: idp.entry_point }, 'identity.providers[0].entry_point', /the metadata says it/],
  ['an address over plain http', { ...idp, entry_point: 'http://idp.example/sso' }, 'identity.providers[0].entry_point', /https/],
  ['metadata over plain http', { metadata: { url: 'http://idp.example/m' } }, 'identity.providers[0].metadata.url', /https/],
  ['a certificate that is none', { ...idp, certificate: { file: 'none.pem' } }, 'identity.providers[0].certificate.file', /2048 bits/],
  ['a certificate that is not there', { ...idp, certificate: { file: 'nowhere' } }, 'identity.providers[0].certificate.file', /PEM/],
  ['a key of another certificate', { ...idp, sign_requests: { ...pair, certificate: { file: 'other.pem' } } }, 'identity.providers[0].sign_requests.key_from', /of the certificate/],
  ['a key that is none', { ...idp, decryption: { ...pair, key_from: { file: 'none.pem' } } }, 'identity.providers[0].decryption.key_from', /RSA private key/],
  ['a key without its certificate', { ...idp, decryption: { key_from: { file: 'key.pem' } } }, 'identity.providers[0].decryption.certificate', /file/],
  ['metadata that is none', { metadata: { file: 'metadata.xml' } }, 'identity.providers[0].metadata.file', /one identity provider/],
  ['a clock that is off by more than a minute', { ...idp, skew: '61s' }, 'identity.providers[0].skew', /60s/],
  ['a name that is not known', { ...idp, want_signed: 'none' }, 'identity.providers[0].want_signed', /known name|one of/],
  ['a preset that is not known', { ...idp, preset: 'onelogin' }, 'identity.providers[0].preset', /adfs/],
])('%s is an error at start', async (_what, provider, path, expected) => {
  const loaded = await load([provider])
  expect(loaded.ok).toBe(false)
  if (loaded.ok) return
  const found = loaded.problems.find((problem) => problem.path === path)
  expect(loaded.problems.map((problem) => problem.path)).toContain(path)
  expect(found?.expected).toMatch(expected)
})
