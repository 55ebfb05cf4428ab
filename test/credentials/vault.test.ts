import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecretReader, type SecretReader } from '../../src/config/secrets.ts'
import { startVault, vaultRoleId, type VaultListener } from '../support/vault.ts'

// HashiCorp Vault over its HTTP API: a listener speaks what is documented of it.

const directory = mkdtempSync(join(tmpdir(), 'vault-'))
const env = { VAULT_TOKEN: 'hvs.root', SECRET_ID: 'secret-id-of-the-gateway' }
let vault: VaultListener
let reader: SecretReader

beforeAll(async () => {
  vault = await startVault({ secretId: env.SECRET_ID, jwt: 'jwt-of-the-account' })
  writeFileSync(join(directory, 'jwt'), 'jwt-of-the-account\n')
})
beforeEach(() => {
  reader = createSecretReader(directory, env)
  vault.tokens.clear()
  vault.tokens.add('hvs.root')
  vault.asked.length = 0
  vault.status = undefined
  vault.lease = 3600
  vault.secrets.set('secret/team/crm', { token: 'second-version', 'odd/key': 'odd' })
  vault.secrets.set('kv/crm', { token: 'first-version' })
})
afterEach(() => reader.close())
afterAll(async () => {
  await vault.close()
  rmSync(directory, { recursive: true, force: true })
})

const token = { kind: 'token', token_from: { env: 'VAULT_TOKEN' } } as const
const approle = { kind: 'approle', role_id: vaultRoleId, secret_id_from: { env: 'SECRET_ID' }, mount: 'approle' } as const
const kubernetes = { kind: 'kubernetes', role: 'gateway', jwt: { file: 'jwt' }, mount: 'kubernetes' } as const
const source = (change: object = {}) => ({ vault: { address: vault.url, path: 'secret/team/crm', key: 'token', auth: token, ...change } })
const valueOf = async (change: object = {}) => {
  const read = await reader.read(source(change))
  return read.ok ? read.value : read.found
}

test.each([
  ['version 2, as `vault kv get` names it', {}, 'second-version'],
  ['version 1', { path: 'kv/crm' }, 'first-version'],
  ['version 2 by AppRole', { auth: approle }, 'second-version'],
  ['version 2 by the account of a pod', { auth: kubernetes }, 'second-version'],
  ['a key with other signs', { key: 'odd/key' }, 'odd'],
  ['a secret that is not there', { path: 'secret/none' }, 'nothing in Vault at this path (404)'],
  ['a key that is not there', { key: 'none' }, 'a secret without a text under the key none'],
  ['a role that is not let in', { auth: { ...kubernetes, role: 'other' } }, 'Vault permits it not (403)'],
])('%s', async (_name, change, found) => {
  expect(await valueOf(change)).toBe(found)
})

test('the path of the API in place of that of the secret is explained', async () => {
  expect(await reader.read(source({ path: 'secret/data/team/crm' }))).toMatchObject({ ok: false, expected: 'the path as in `vault kv get`, without data/' })
})

test('a namespace goes with every request, and a sealed Vault is told', async () => {
  expect(await valueOf({ namespace: 'team/a', auth: approle })).toBe('second-version')
  expect(vault.asked.every((line) => line.endsWith(' team/a'))).toBe(true)
  vault.status = 503
  expect(await valueOf()).toBe('a Vault that is sealed or in maintenance (503)')
})

test('one login serves many secrets, and is given back at the end', async () => {
  const values = await Promise.all([valueOf({ auth: approle }), valueOf({ auth: approle, path: 'kv/crm' }), valueOf({ auth: approle })])
  expect(values).toEqual(['second-version', 'first-version', 'second-version'])
  await valueOf({ auth: approle })
  expect(vault.asked.filter((line) => line.includes('login'))).toHaveLength(1)
  expect(vault.tokens.size).toBe(2)
  await reader.close()
  expect([...vault.tokens]).toEqual(['hvs.root'])
})

test('a login that was taken back is made anew', async () => {
  await valueOf({ auth: approle })
  vault.tokens.clear()
  expect(await valueOf({ auth: approle })).toBe('second-version')
  expect(vault.asked.filter((line) => line.includes('login'))).toHaveLength(2)
})

test('a lease that is half over is renewed', async () => {
  vault.lease = 0.02
  await valueOf({ auth: approle })
  vault.lease = 3600
  const half = performance.now() + 11
  while (performance.now() < half) await new Promise((resolve) => setImmediate(resolve))
  expect(await valueOf({ auth: approle })).toBe('second-version')
  expect(vault.asked.filter((line) => line.includes('login') || line.includes('renew')).length).toBeGreaterThan(1)
})

test('the gateway\'s own token is renewed once for all reads, and not asked for again', async () => {
  await valueOf()
  await valueOf({ path: 'kv/crm' })
  expect(vault.asked.filter((line) => line.includes('renew-self'))).toHaveLength(1)
})
