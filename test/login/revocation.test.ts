import type { ServerResponse } from 'node:http'
import { registered, signInBy, type World } from '../oauth/world.ts'
import { allowAll, connect, post, startGateway } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { readEvents } from '../support/events.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { startStubServer, type StubServer } from '../support/stub-server.ts'
import { openSse, openStream } from '../support/sse-client.ts'

/** Streams of a server that goes on saying something until nobody listens. */
const speaking = new Set<ServerResponse>()
let upstream: StubServer
let issuer: ShapedIssuer
let world: World

const sam = { sub: 'sam', email: 'sam@example.com', email_verified: true, groups: ['support', 'oncall'] }
const tick = (response: ServerResponse, message: () => unknown): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  speaking.add(response)
  const timer = setInterval(() => response.write(`data: ${JSON.stringify(message())}\n\n`), 50)
  response.once('close', () => {
    clearInterval(timer)
    speaking.delete(response)
  })
}

async function startWorkers(workers: number): Promise<World> {
  const gateway = await startGateway({
    rego: { 'policies/open/open.rego': allowAll }, upstreams: { crm: { url: upstream.url } },
    settings: {
      workers, logging: { level: 'error' },
      identity: { refresh: '1s', providers: [{ name: 'corp', kind: 'oidc', issuer: issuer.issuer, client_id: issuer.client.id, client_secret_from: { env: 'IDP_SECRET' } }] },
    },
    env: { IDP_SECRET: issuer.client.secret },
  })
  return { gateway, url: gateway.url, idp: issuer, upstream, close: () => gateway.close() }
}

beforeAll(async () => {
  issuer = await startShapedIssuer({ ...sam })
  upstream = await startStubServer((request, response) => {
    if (request.method === 'GET') return tick(response, () => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'still here' } }))
    if (request.method === 'DELETE') return void response.writeHead(200).end()
    const message = JSON.parse(request.body) as { id?: unknown; method: string; params?: { _meta?: { progressToken?: unknown } } }
    const answer = (result: unknown) => void response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'one' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
    if (message.id === undefined) return void response.writeHead(202).end()
    if (message.method === 'initialize') return answer({ protocolVersion: '2025-06-18', capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'ticking', version: '1' } })
    if (message.method === 'tools/list') return answer({ tools: [{ name: 'work', inputSchema: { type: 'object' } }] })
    let progress = 0
    tick(response, () => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: message.params?._meta?.progressToken ?? 0, progress: (progress += 1) } }))
  })
})
afterAll(async () => {
  await upstream.close()
  await issuer.close()
})

/** Reads a stream to its end; what ended it is what the test is about. */
async function listenTo(response: Response): Promise<{ begun: Promise<void>; ended: Promise<void>; count: () => number }> {
  expect(response.status).toBe(200)
  const begun = Promise.withResolvers<void>()
  let count = 0
  const ended = (async () => {
    try {
      for await (const event of readEvents(response)) {
        if (event !== undefined) count += 1
        begun.resolve()
      }
    } catch {
      // cut off, which is an end too
    }
  })()
  return { begun: begun.promise, ended, count: () => count }
}

/** A stream without a session looks again after this, by itself. */
const lookEvery = 20_000

describe.each([1, 2])('%i worker processes', (workers) => {
  beforeAll(async () => {
    world = await startWorkers(workers)
  })
  afterAll(() => world.close())
  beforeEach(() => Object.assign(issuer.shape, { claims: { ...sam }, refresh: 'rotating', refreshError: undefined }))

  async function running() {
    const browser = createPersonBrowser()
    const token = (await signInBy(world.url, await registered(world.url), { browser })).access_token
    const url = world.gateway.mcp('crm')
    const client = await connect(url, token, '2025-06-18')
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': '2025-06-18' }
    const heard = await listenTo(await fetch(url, { headers }))
    const call = await listenTo(await client.send({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'work', arguments: {}, _meta: { progressToken: 'p' } } }))
    const old = await openSse(`${url}/sse`, token)
    await Promise.all([heard.begun, call.begun])
    const opened = performance.now()
    const early = await openStream(`${url}/sse`, token)
    return { browser, token, url, client, streams: [heard.ended, call.ended, old.ended, early.ended], early: { opened, ended: early.ended } }
  }
  const isOut = async ({ url, token }: { readonly url: string; readonly token: string }) => {
    const refused = await post(url, token, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('invalid_token')
  }

  test('whom the provider disabled loses streams, calls and session without making a call', async () => {
    const own = await running()
    const since = performance.now()
    issuer.shape.refreshError = { status: 400, body: { error: 'invalid_grant' } }
    await Promise.all(own.streams)
    // The stated bound is the interval and a minute; here it is asked every second.
    expect(performance.now() - since).toBeLessThan(65_000)
    await isOut(own)
    const sent = await own.browser.visit(`${world.url}/login`, { follow: false })
    expect(sent.headers.get('location')).toContain('/login/corp')
  })

  test('whom the provider signs out by its back channel loses them at once', async () => {
    for (let round = 0; ; round += 1) {
      const own = await running()
      const logout = await issuer.sign({ sub: 'sam', jti: `jti-${workers}-${round}`, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
      expect((await fetch(`${world.url}/login/corp/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: logout }) })).status).toBe(200)
      const isTelling = performance.now() - own.early.opened < lookEvery / 2
      await own.early.ended
      const isAtOnce = performance.now() - own.early.opened < lookEvery
      await Promise.all(own.streams)
      await isOut(own)
      if (!isTelling) continue // so slow that the stream's own look at its token may have come first
      return expect(isAtOnce).toBe(true)
    }
  })

  test('who loses a group begins anew with what is left', async () => {
    const own = await running()
    issuer.shape.claims['groups'] = ['support']
    await Promise.all(own.streams)
    // The client is told that its session is gone, greets again with the same token, and is judged by the groups it now has.
    const gone = await own.client.request('tools/list')
    expect(gone.status).toBe(404)
    expect((await (await connect(own.url, own.token, '2025-06-18')).request('tools/list')).result).toBeDefined()
  })
})
