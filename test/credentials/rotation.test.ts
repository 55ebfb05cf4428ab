import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { startVault, vaultRoleId, type VaultListener } from '../support/vault.ts'
import { until } from '../support/conditions.ts'

// Secrets that change while calls are made: no call fails, none is made twice, and what cannot be read stays as it was.

const secrets = mkdtempSync(join(tmpdir(), 'secrets-'))
const put = (name: string, value: string) => {
  writeFileSync(join(secrets, `${name}.new`), `${value}\n`, { mode: 0o600 })
  renameSync(join(secrets, `${name}.new`), join(secrets, name))
}
let stub: StubServer
let vault: VaultListener
let gateway: TestGateway
let token: string
/** What the server takes at the moment. */
let good: (authorization: string | undefined) => boolean
let ran: string[] = []

beforeAll(async () => {
  process.env['SECRET_ID'] = 'the-secret-id'
  put('token', 'first-token')
  put('child', 'first-of-child')
  vault = await startVault({ secretId: 'the-secret-id', jwt: '' })
  vault.secrets.set('secret/crm', { password: 'first-password' })
  const base = mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', tools: [{ name: 't', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer((request, response) => {
    const { authorization } = request.headers
    if (!good(authorization)) return void response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method !== 'tools/call') return base(request, response)
    ran.push(message.params.arguments.call)
    json(response, { jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: `ran with ${authorization} `.repeat(message.params.arguments.times ?? 1).trim() }] } })
  })
  gateway = await startGateway({
    upstreams: {
      file: { url: stub.url, credentials: { kind: 'bearer', token_from: { file: join(secrets, 'token') } } },
      vault: { url: stub.url, credentials: { kind: 'basic', username: 'gateway', password_from: { vault: { address: vault.url, path: 'secret/crm', key: 'password', auth: { kind: 'approle', role_id: vaultRoleId, secret_id_from: { env: 'SECRET_ID' } } } } } },
      child: { command: process.execPath, args: [fileURLToPath(new URL('./child.js', import.meta.url))], env: { TOKEN_from: { file: join(secrets, 'child') } } },
    },
    rego: { 'policies/open/open.rego': allowAll },
    settings: { secrets: { refresh: '1s' } },
    env: { SECRET_ID: 'the-secret-id' },
  })
})
afterAll(async () => {
  delete process.env['SECRET_ID']
  await gateway?.close()
  await stub?.close()
  await vault?.close()
  rmSync(secrets, { recursive: true, force: true })
})
beforeEach(() => {
  ran = []
})

const clientOf = async (upstream: string) => {
  token = await gateway.token({ subject: 'sam', groups: [] }, upstream)
  return connect(gateway.mcp(upstream), token, '2025-11-25')
}
const basic = (password: string) => `Basic ${Buffer.from(`gateway:${password}`).toString('base64')}`

/** Many calls at a time, while `rotate` changes what the server takes and then what the gateway is given. */
async function callUnder(upstream: string, rotate: (round: number) => void, rounds: number) {
  const client = await clientOf(upstream)
  let over = false
  const failures: unknown[] = []
  let made = 0
  const done = Array.from({ length: 8 }, () => 0)
  const caller = async (_: unknown, number: number) => {
    for (; !over; done[number] = (done[number] ?? 0) + 1) {
      const call = `call ${(made += 1)}`
      const { result, error, status } = await client.request('tools/call', { name: 't', arguments: { call } })
      if (result === undefined || (result as { isError?: boolean }).isError === true) failures.push([status, error, result])
      else if (/-token|-password/.test(JSON.stringify(result))) failures.push(result)
    }
  }
  const callers = Array.from({ length: 8 }, caller)
  for (let round = 0; round < rounds; round += 1) {
    const before = [...done]
    rotate(round)
    // No call is under way for longer than one secret is good.
    await until(() => done.every((count, number) => count > (before[number] ?? 0) + 1))
  }
  over = true
  await Promise.all(callers)
  return { failures, made }
}

test('a token in a file that is replaced under load costs no call, and none runs twice', async () => {
  let current = 'first-token'
  good = (authorization) => authorization === `Bearer ${current}`
  const { failures, made } = await callUnder('file', (round) => {
    // The server changes its mind first: the gateway finds out by a 401.
    current = `token-${round}-token`
    put('token', current)
  }, 4)
  expect(failures).toEqual([])
  expect(ran).toHaveLength(made)
  expect(new Set(ran).size).toBe(made)
})

test('a password in Vault that is replaced under load costs no call', async () => {
  let current = 'first-password'
  good = (authorization) => authorization === basic(current)
  const { failures, made } = await callUnder('vault', (round) => {
    current = `password-${round}-password`
    vault.secrets.set('secret/crm', { password: current })
  }, 3)
  expect(failures).toEqual([])
  expect(new Set(ran).size).toBe(made)
})

test('without any 401 a new secret is used once the interval is over; one that cannot be read changes nothing and is counted', async () => {
  const seen = new Set<string | undefined>()
  put('token', 'before-interval')
  good = (authorization) => (seen.add(authorization), authorization === 'Bearer before-interval')
  const client = await clientOf('file')
  good = (authorization) => (seen.add(authorization), true)
  put('token', 'after-interval')
  await until(async () => {
    await client.request('tools/call', { name: 't', arguments: { call: 'x' } })
    return seen.has('Bearer after-interval')
  })
  rmSync(join(secrets, 'token'))
  await until(async () => /sallyport_secret_reads_total\{secret="upstreams.file.credentials.token",result="failed"\} [1-9]/.test(await gateway.gateway.metrics.print()))
  expect(await client.request('tools/call', { name: 't', arguments: { call: 'y' } })).toMatchObject({ result: { content: [{ text: 'ran with Bearer [CREDENTIAL]' }] } })
  put('token', 'with a\nbreak')
  const failures = async () => Number(/upstreams.file.credentials.token",result="failed"\} (\d+)/.exec(await gateway.gateway.metrics.print())?.[1])
  const before = await failures()
  await until(async () => (await failures()) > before)
  expect(await client.request('tools/call', { name: 't', arguments: { call: 'z' } })).toMatchObject({ result: { content: [{ text: 'ran with Bearer [CREDENTIAL]' }] } })
})

test('a server that refuses every credential is asked twice at most for a call, and the call fails', async () => {
  put('token', 'last-token')
  good = () => true
  const client = await clientOf('file')
  good = () => false
  const before = stub.received.length
  expect((await client.request('tools/call', { name: 't', arguments: { call: 'n' } })).error).toMatchObject({ message: 'the MCP server could not be reached' })
  expect(stub.received.length - before).toBeLessThanOrEqual(2)
  expect(ran).toEqual([])
})

test('an echo is counted, and its record says so; the answer has nothing of it, nor of the secret before', async () => {
  good = () => true
  put('token', 'echoed-token')
  const client = await clientOf('file')
  await until(async () => {
    await client.request('tools/call', { name: 't', arguments: { call: 'x' } })
    return stub.received.at(-1)?.headers.authorization === 'Bearer echoed-token'
  })
  const count = async () => Number(/sallyport_credential_echoes_total\{upstream="file"\} (\d+)/.exec(await gateway.gateway.metrics.print())?.[1] ?? 0)
  const before = await count()
  const { result } = await client.request('tools/call', { name: 't', arguments: { call: 'echo me' } })
  expect(JSON.stringify(result)).not.toContain('echoed-token')
  expect(await count()).toBe(before + 1)
  const flood = await client.request('tools/call', { name: 't', arguments: { call: 'echo me', times: 20_000 } })
  expect(flood).toMatchObject({ status: 502, error: { code: -33003 } })
  expect(await count()).toBe(before + 2)
  const auditor = { authorization: `Bearer ${await gateway.token({ subject: 'rita', groups: ['audit', 'oncall', 'ops'] }, 'api')}` }
  const sessions = (await (await fetch(`${gateway.url}/api/v1/sessions?upstream=file`, { headers: auditor })).json()) as { items: { id: string }[] }
  const events = await Promise.all(sessions.items.map(async ({ id }) => (await fetch(`${gateway.url}/api/v1/sessions/${id}/events`, { headers: auditor })).text()))
  expect(events.join()).toContain('credential_echoed')
  expect(events.join()).toContain('full of the gateway')
  expect(events.join()).not.toContain('echoed-token')
})

test('a child that starts after its secret changed is given the new one', async () => {
  const say = async () => {
    const client = await clientOf('child')
    const { result } = await client.request('tools/call', { name: 'digest', arguments: {} })
    return (result as { content: { text: string }[] }).content[0]?.text
  }
  expect(await say()).toBe('14 signs')
  put('child', 'second-of-the-child')
  await until(async () => /sallyport_secret_reads_total\{secret="upstreams.child.env.TOKEN",result="changed"\} 1/.test(await gateway.gateway.metrics.print()))
  expect(await say()).toBe('19 signs')
})
