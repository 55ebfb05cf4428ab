import { createRemoteJWKSet, jwtVerify } from 'jose'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Idp, startIdp } from '../../src/demo/idp.ts'
import { personas } from '../../src/demo/personas.ts'
import { prepareDirectory, readState, removeState, writeState } from '../../src/demo/state.ts'
import { askToken } from '../../src/demo/token.ts'

const url = 'http://127.0.0.1:8080'
const secret = 'a-secret-of-this-start-of-the-demo'
let idp: Idp
beforeAll(async () => {
  idp = await startIdp({ publicUrl: url, secret })
})
afterAll(() => idp.close())
const state = () => ({ url, issuers: idp.issuers, secret, pid: 1 })

test.each(personas)('$name gets a token for one resource that verifies against the discovered keys', async (persona) => {
  const issuer = idp.issuers[persona.issuer]
  const metadata = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as { issuer: string; jwks_uri: string }
  expect(metadata.issuer).toBe(issuer)
  const token = await askToken(state(), persona, 'mcp/crm')
  const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata.jwks_uri)), { issuer, audience: `${url}/mcp/crm` })
  expect(protectedHeader).toMatchObject({ alg: persona.issuer === 'people' ? 'RS256' : 'ES256', typ: 'at+jwt' })
  expect(payload).toMatchObject({ sub: persona.subject, ...persona.claims })
  // A token whose subject is its client is a machine's (RFC 9068 section 5).
  expect(payload['client_id'] === payload.sub).toBe(persona.issuer === 'ci')
})

test('the token for the API has the audience of the API', async () => {
  const [, body] = (await askToken(state(), personas[1]!, 'api')).split('.')
  expect(JSON.parse(Buffer.from(body!, 'base64url').toString()).aud).toBe(`${url}/api/v1`)
})

test('without the secret, or for anything that is not the demo\'s, there is no token', async () => {
  await expect(askToken({ ...state(), secret: 'guess' }, personas[0]!, 'api')).rejects.toThrow('client authentication failed')
  await expect(askToken({ ...state(), url: 'https://elsewhere.example' }, personas[0]!, 'api')).rejects.toThrow('no token')
  await expect(askToken(state(), { ...personas[3]!, issuer: 'people' }, 'api')).rejects.toThrow('no token')
  await expect(askToken(state(), { ...personas[0]!, issuer: 'ci' }, 'api')).rejects.toThrow('no token')
})

test('a page that reaches the provider under another name gets nothing', async () => {
  const { request } = await import('node:http')
  const { port } = new URL(idp.issuers.people)
  const status = await new Promise((resolve) => {
    request({ port, host: '127.0.0.1', path: '/people/.well-known/openid-configuration', headers: { host: 'evil.example' } }, ({ statusCode }) => resolve(statusCode)).end()
  })
  expect(status).toBe(404)
})

test('the state and the store key of a demo are for their owner only, and the key stays', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-demo-'))
  try {
    await prepareDirectory(directory)
    const key = await readFile(join(directory, 'demo.key'), 'utf8')
    await prepareDirectory(directory)
    expect(await readFile(join(directory, 'demo.key'), 'utf8')).toBe(key)
    await writeFile(join(directory, 'demo.json'), 'old', { mode: 0o644 })
    await writeState(directory, state())
    for (const file of ['demo.json', 'demo.key']) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
    expect(await readState(directory)).toEqual(state())
    await removeState(directory)
    expect(await readState(directory)).toBeUndefined()
  } finally {
    await rm(directory, { recursive: true })
  }
})
