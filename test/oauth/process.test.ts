import { rmSync } from 'node:fs'
import http from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { writeGatewayFiles, type GatewayFiles } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { allowAll, greetingOf, post } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { agree, authorizationUrl, pkce, redeem, refresh, registered, sam, signInBy, untilBack, type Tokens } from './world.ts'

let stub: StubServer
let idp: ShapedIssuer
let authority: Authority
let documents: Server
let files: GatewayFiles
let gateway: GatewayProcess
let site: string
/** What is asked of the site of the documents, and how often anything connected to it. */
const asked: string[] = []
let connected = 0
const start = async () => {
  gateway = await startGatewayProcess(files, { under: ['env', `IDP_SECRET=${idp.client.secret}`, `NODE_EXTRA_CA_CERTS=${authority.certFile}`] })
}

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ initialize: () => ({ protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'stub', version: '1' } }) }))
  idp = await startShapedIssuer({ ...sam })
  authority = createAuthority('documents')
  const { cert, key } = authority.issue('site', { altName: 'DNS:localhost,IP:127.0.0.1' })
  documents = createServer({ cert, key }, (request, response) => {
    asked.push(request.url ?? '')
    const own = `${site}${request.url}`
    const document = { client_id: own, client_name: 'A documented client', redirect_uris: ['http://127.0.0.1/callback'], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] }
    const json = (body: object) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    switch (request.url) {
      case '/client.json': return json(document)
      case '/other.json': return json({ ...document, client_id: `${site}/client.json` })
      case '/secret.json': return json({ ...document, client_secret: 'known to all' })
      case '/script.json': return json({ ...document, redirect_uris: ['javascript:alert(1)'] })
      case '/moved.json': return response.writeHead(302, { location: `${site}/client.json` }).end()
      case '/large.json': return json({ ...document, more: 'x'.repeat(10 * 1024 * 1024) })
      default: return response.writeHead(404).end()
    }
  })
  documents.on('connection', () => (connected += 1))
  await new Promise<void>((resolve) => documents.listen(0, '127.0.0.1', resolve))
  site = `https://localhost:${(documents.address() as AddressInfo).port}`
  files = await writeGatewayFiles({
    upstreams: { crm: { url: `${stub.url}/mcp` } }, rego: { 'policies/open/open.rego': allowAll },
    settings: {
      workers: 2, outbound: { allow: ['localhost'] }, logging: { level: 'warn' },
      identity: { providers: [{ name: 'corp', kind: 'oidc', issuer: idp.issuer, client_id: idp.client.id, client_secret_from: { env: 'IDP_SECRET' } }] },
    },
  })
  await start()
})
afterAll(async () => {
  await gateway.kill('SIGKILL')
  documents.closeAllConnections()
  documents.close()
  await stub.close()
  await idp.close()
  authority.remove()
  rmSync(files.directory, { recursive: true, force: true })
})

const statusWith = async (token: string): Promise<number> =>
  (await post(files.mcp('crm'), token, greetingOf('plain'), { connection: 'close' })).status
const many = <T>(count: number, work: () => Promise<T>): Promise<readonly T[]> => Promise.all(Array.from({ length: count }, work))

describe('a client that a document describes', () => {
  const visit = (client: string) => createPersonBrowser().visit(authorizationUrl(files.url, client, pkce()), { follow: untilBack })

  test('gets in by the address of the document, on any port of its machine', async () => {
    const client = `${site}/client.json`
    expect((await visit(client)).text).toContain('A documented client')
    const tokens = await signInBy(files.url, client)
    expect(await statusWith(tokens.access_token)).toBe(200)
    // It is not asked for each time.
    expect(asked.filter((path) => path === '/client.json').length).toBeLessThanOrEqual(2)
  })

  test.each([['another client', '/other.json'], ['a secret', '/secret.json'], ['a script to go back to', '/script.json'], ['nothing', '/missing.json'], ['a redirect', '/moved.json'], ['ten megabytes', '/large.json']])('is none if it holds %s', async (_, path) => {
    const before = asked.filter((one) => one === '/client.json').length
    expect((await visit(`${site}${path}`)).status).toBe(400)
    expect(asked).toContain(path)
    expect(asked.filter((one) => one === '/client.json').length).toBe(before)
  })

  test.each([
    ['an address of this machine', () => site.replace('localhost', '127.0.0.1')], ['another spelling of it', () => site.replace('localhost', '2130706433')], ['one of IPv6', () => site.replace('localhost', '[::ffff:127.0.0.1]')],
    ['the addresses of a cloud', () => 'https://169.254.169.254'], ['plain http', () => site.replace('https:', 'http:')],
  ])('is not looked for at %s', async (_, host) => {
    const before = connected
    expect((await visit(`${host()}/client.json`)).status).toBe(400)
    expect(connected).toBe(before)
  })

  test('has a path of its own', async () => {
    const before = connected
    expect((await visit(`${site}/`)).status).toBe(400)
    expect(connected).toBe(before)
  })
})

describe('two processes', () => {
  test('know one client, one person and one key', async () => {
    const client = await registered(files.url)
    const tokens = await signInBy(files.url, client)
    expect(new Set(await many(12, () => statusWith(tokens.access_token)))).toEqual(new Set([200]))
  })

  test('redeem a code once, and a refresh token once', async () => {
    const client = await registered(files.url)
    const own = pkce()
    const code = (await agree(authorizationUrl(files.url, client, own))).searchParams.get('code') ?? ''
    const answers = await many(12, () => redeem(files.url, client, code, own.verifier))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    const { refresh_token: token } = await signInBy(files.url, client)
    const renewed = await many(12, () => refresh(files.url, client, token))
    expect(renewed.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
  })

  /** By a connection of one of them: whose it is, is told by the token of its first request, which nobody has to verify. */
  const revokeAt = async (worker: number, form: Readonly<Record<string, string>>): Promise<number> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const claims = Buffer.from(JSON.stringify({ iss: files.url, place: worker })).toString('base64url')
    const send = (path: string, headers: http.OutgoingHttpHeaders, body?: string) =>
      new Promise<number>((resolve, reject) => {
        const request = http.request(`${files.url}${path}`, { agent, headers, method: body === undefined ? 'GET' : 'POST' }, (response) => response.resume().once('end', () => resolve(response.statusCode ?? 0)))
        request.on('error', reject).end(body)
      })
    await send('/healthz', { authorization: `Bearer e30.${claims}.e30` })
    return send('/oauth/revoke', { 'content-type': 'application/x-www-form-urlencoded' }, String(new URLSearchParams(form))).finally(() => agent.destroy())
  }

  test.each([0, 1])('both have forgotten what was given back to one of them: %i', async (worker) => {
    const client = await registered(files.url)
    const { access_token: token } = await signInBy(files.url, client)
    expect(await statusWith(token)).toBe(200)
    expect(await revokeAt(worker, { client_id: client, token })).toBe(200)
    expect(await statusWith(token)).toBe(401)
  })
})

describe('a gateway that is killed', () => {
  test('knows its clients and what it gave them when it is back', async () => {
    const client = await registered(files.url)
    const before = await signInBy(files.url, client)
    await gateway.kill('SIGKILL')
    await start()
    expect(await statusWith(before.access_token)).toBe(200)
    const after = (await (await refresh(files.url, client, before.refresh_token)).json()) as Tokens
    expect(await statusWith(after.access_token)).toBe(200)
  })

  test('while it redeems a code does not redeem it twice', async () => {
    const client = await registered(files.url)
    const own = pkce()
    const code = (await agree(authorizationUrl(files.url, client, own))).searchParams.get('code') ?? ''
    const first = redeem(files.url, client, code, own.verifier).then(async (answer) => answer.status === 200 && (await answer.text()).includes('access_token'), () => false)
    await new Promise((resolve) => setImmediate(resolve))
    await gateway.kill('SIGKILL')
    await start()
    const answers = [await first, ...(await many(2, () => redeem(files.url, client, code, own.verifier).then(({ status }) => status === 200)))]
    expect(answers.filter(Boolean).length).toBeLessThanOrEqual(1)
  })
})
