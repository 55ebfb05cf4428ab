import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { createSecretReader } from '../../src/config/secrets.ts'
import { startMoto, type Moto } from '../support/moto.ts'

// AWS Secrets Manager, played by moto; who asks is told by AWS's own variables.

const variables = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret-of-the-key' }
const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
let moto: Moto
let client: SecretsManagerClient
const reader = createSecretReader('/', {})
const region = 'eu-central-1'

beforeAll(async () => {
  Object.assign(process.env, variables)
  moto = await startMoto()
  client = new SecretsManagerClient({ region, endpoint: moto.url })
  await client.send(new CreateSecretCommand({ Name: 'crm/token', SecretString: 'plain-token' }))
  await client.send(new CreateSecretCommand({ Name: 'crm/all', SecretString: JSON.stringify({ token: 'token-in-json', port: 5 }) }))
  await client.send(new CreateSecretCommand({ Name: 'crm/bytes', SecretBinary: Uint8Array.of(1, 2, 3) }))
})
afterAll(async () => {
  for (const [name, value] of Object.entries(before)) value === undefined ? delete process.env[name] : (process.env[name] = value)
  client?.destroy()
  await reader.close()
  await moto?.close()
})

const read = async (about: object) => {
  const found = await reader.read({ aws_secret: { id: 'crm/token', region, endpoint: moto.url, ...about } })
  return found.ok ? found.value : found.found
}

test.each([
  ['a secret of text', {}, 'plain-token'],
  ['a key of a secret of JSON', { id: 'crm/all', key: 'token' }, 'token-in-json'],
  ['a key that is no text', { id: 'crm/all', key: 'port' }, 'a secret without a text under the key port'],
  ['a key of a secret that is no JSON', { key: 'token' }, 'a secret without a text under the key token'],
  ['a secret of bytes', { id: 'crm/bytes' }, 'a secret of bytes'],
  ['a secret that is not there', { id: 'none' }, 'a secret that AWS Secrets Manager does not give (ResourceNotFoundException)'],
])('%s', async (_name, about, found) => {
  expect(await read(about)).toBe(found)
})

test('a secret that was rotated is another at the next look', async () => {
  await client.send(new PutSecretValueCommand({ SecretId: 'crm/token', SecretString: 'rotated-token' }))
  expect(await read({})).toBe('rotated-token')
})
