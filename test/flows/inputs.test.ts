import http from 'node:http'
import net from 'node:net'
import { gzipSync } from 'node:zlib'
import { allowAll, connect, modernMeta, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// The adversarial inputs, from outside, for every served revision: refused with a clear status, and no byte reaches the server.

let stub: StubServer
let gateway: TestGateway
let token: string
const clients = new Map<string, PlainClient>()
const revisions = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const
type Tested = (typeof revisions)[number]

beforeAll(async () => {
  const tools = [{ name: 'read_file', inputSchema: { type: 'object' } }, { name: 'delete_file', inputSchema: { type: 'object' } }]
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools }), 'tools/call': (params) => ({ content: [{ type: 'text', text: String(params['name']) }] }) }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll.replace('allow_other := true\n', '') } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  for (const revision of revisions) {
    const client = await connect(gateway.mcp('stub'), token, revision)
    await client.request('tools/list')
    clients.set(revision, client)
  }
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const meta = JSON.stringify(modernMeta)
const isModern = (revision: Tested) => revision === '2026-07-28'
const headersFor = (revision: Tested, extra: Record<string, string> = {}): Record<string, string> => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${token}`,
  ...(isModern(revision) ? { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call', 'mcp-name': 'read_file' } : { 'mcp-session-id': clients.get(revision)?.session ?? '', ...(revision === '2025-03-26' ? {} : { 'mcp-protocol-version': revision }) }),
  ...extra,
})
/** A `tools/call` as text; `args` and `top` are put in as they are. */
const call = (revision: Tested, { args = '{}', params = '', top = '' } = {}) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call",${top}"params":{"name":"read_file",${params}"arguments":${args}${isModern(revision) ? `,"_meta":${meta}` : ''}}}`

interface Sent {
  readonly status: number
  readonly body: string
}
const send = (revision: Tested, body: string | Uint8Array, extra: Record<string, string> = {}, drop: readonly string[] = []): Promise<Sent> =>
  new Promise((resolve, reject) => {
    const headers = Object.fromEntries(Object.entries(headersFor(revision, extra)).filter(([name]) => !drop.includes(name)))
    const request = http.request(gateway.mcp('stub'), { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    request.end(body)
  })

const nothingReaches = async (act: () => Promise<void>) => {
  const before = stub.received.length
  await act()
  expect(stub.received.length).toBe(before)
}

const refusedBodies: readonly [string, (revision: Tested) => string | Uint8Array][] = [
  ['method twice', (r) => call(r).replace('"method"', '"method":"tools/list","method"')],
  ['name twice, once escaped', (r) => call(r, { params: '"\\u006eame":"delete_file",' })],
  ['duplicate deep in arguments', (r) => call(r, { args: '{"a":{"b":[{"c":1,"c":2}]}}' })],
  ['Method beside method', (r) => call(r, { top: '"Method":"tools/list",' })],
  ['METHOD instead of method', (r) => call(r).replace('"method"', '"METHOD"')],
  ['a long s in params', (r) => call(r, { params: '"argumentſ":{"x":1},' })],
  ['an empty batch', () => '[]'],
  ['a nested batch', (r) => `[[${call(r)}]]`],
  ['invalid UTF-8', (r) => Buffer.concat([Buffer.from(call(r, { args: '{"a":"' }).slice(0, -2)), Buffer.from([0xff, 0xc0, 0xaf]), Buffer.from('"}}}')])],
  ['a BOM', (r) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(call(r))])],
  ['two values', (r) => `${call(r)} ${call(r)}`],
  ['two lines', (r) => `${call(r)}\n${call(r)}`],
  ['trailing text', (r) => `${call(r)}x`],
  ['a number no double holds', (r) => call(r, { args: '{"a":1e400}' })],
  ['a lone surrogate', (r) => call(r, { args: '{"a":"\\ud800"}' })],
  ['depth 65', (r) => call(r, { args: `${'{"a":'.repeat(64)}1${'}'.repeat(64)}` })],
  ['depth 100,000', (r) => call(r, { args: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}` })],
  ['__proto__', (r) => call(r, { args: '{"__proto__":{"role":"admin"}}' })],
  ['a name that is no string', (r) => call(r).replace('"name":"read_file"', '"name":["read_file"]')],
  ['arguments that are no object', (r) => call(r, { args: '[1]' })],
]

describe.each(revisions)('%s', (revision) => {
  test.each(refusedBodies)('%s is refused before it is judged', async (_name, body) => {
    await nothingReaches(async () => {
      const { status, body: text } = await send(revision, body(revision))
      expect(status).toBe(400)
      expect(JSON.parse(text).error.code).toBeLessThan(0)
    })
  })

  test('a method that only looks like a known one is never forwarded', async () => {
    for (const method of ['tools/call ', ' tools/call', 'Tools/Call', 'tools//call', 'x/y']) {
      await nothingReaches(async () => {
        const { status, body } = await send(revision, call(revision).replace('"tools/call"', JSON.stringify(method)), isModern(revision) ? { 'mcp-method': method.trim() } : {})
        expect([200, 400, 404]).toContain(status)
        expect(JSON.parse(body).error.code).toBeLessThan(0)
      })
    }
  })

  test('a batch is refused where the revision has none, and judged element by element where it has', async () => {
    const batch = `[${call(revision)},{"jsonrpc":"2.0","id":2,"method":"x/y"}]`
    const before = stub.messages().length
    const { status, body } = await send(revision, batch)
    if (revision !== '2025-03-26') {
      expect(status).toBe(400)
      return expect(stub.messages().length).toBe(before)
    }
    expect(status).toBe(200)
    expect(body).toContain('"id":1')
    expect(body).toMatch(/"id":2,"error":\{"code":-32601/)
    expect(stub.messages().slice(before).map(({ method }) => method)).toEqual(['tools/call'])
  })

  test('digits reach the server as they were written', async () => {
    const digits = '{"a":9007199254740993,"b":1.0,"c":1e3,"d":-0,"e":0.1}'
    expect((await send(revision, call(revision, { args: digits }))).status).toBe(200)
    expect(stub.received.at(-1)?.body).toContain(`"arguments":${digits}`)
  })

  test('only plain JSON in UTF-8 is read', async () => {
    await nothingReaches(async () => {
      for (const type of ['text/plain', 'application/json-rpc', 'application/x+json', 'application/json; charset=utf-16le']) expect((await send(revision, call(revision), { 'content-type': type })).status).toBe(415)
      expect((await send(revision, call(revision), {}, ['content-type'])).status).toBe(415)
      expect((await send(revision, gzipSync(call(revision)), { 'content-encoding': 'gzip' })).status).toBe(415)
    })
  })

  test('a bomb and a body over the limit are refused at once', async () => {
    await nothingReaches(async () => {
      expect((await send(revision, gzipSync(Buffer.alloc(20 * 1024 * 1024)), { 'content-encoding': 'gzip' })).status).toBe(415)
      expect((await send(revision, 'x'.repeat(1024 * 1024 + 1)).catch(() => ({ status: 413 }))).status).toBe(413)
      const chunked = await new Promise<number>((resolve) => {
        const request = http.request(gateway.mcp('stub'), { method: 'POST', headers: { ...headersFor(revision), 'transfer-encoding': 'chunked' } }, (response) => resolve(response.statusCode ?? 0))
        request.on('error', () => resolve(413))
        request.write('x'.repeat(700_000))
        request.end('x'.repeat(700_000))
      })
      expect(chunked).toBe(413)
    })
  })

  test('foreign hosts and origins are refused with a good token', async () => {
    await nothingReaches(async () => {
      expect((await send(revision, call(revision), { origin: 'https://evil.example' })).status).toBe(403)
      expect((await send(revision, call(revision), { host: 'evil.example' })).status).toBe(403)
    })
  })

  test('a cancellation of somebody else\'s request does nothing', async () => {
    await nothingReaches(async () => {
      const params = { requestId: 12345, ...(isModern(revision) ? { _meta: modernMeta } : {}) }
      const { status } = await send(revision, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }), isModern(revision) ? { 'mcp-method': 'notifications/cancelled' } : {}, ['mcp-name'])
      expect(status).toBe(202)
    })
  })

  test('unknown methods and extensions are denied by default', async () => {
    await nothingReaches(async () => {
      for (const method of ['x/y', 'tasks/get']) {
        const body = { jsonrpc: '2.0', id: 4, method, params: { taskId: 't', ...(isModern(revision) ? { _meta: modernMeta } : {}) } }
        const { body: text } = await send(revision, JSON.stringify(body), isModern(revision) ? { 'mcp-method': method, 'mcp-name': 't' } : {})
        expect(JSON.parse(text)).toMatchObject({ id: 4, error: {} })
      }
    })
  })
})

describe('2026-07-28 headers', () => {
  const modern = '2026-07-28'
  test.each([
    ['another Mcp-Name', { 'mcp-name': 'delete_file' }],
    ['another Mcp-Method', { 'mcp-method': 'tools/list' }],
    ['another version', { 'mcp-protocol-version': '2025-11-25' }],
  ])('%s is refused with -32020', async (_name, headers) => {
    await nothingReaches(async () => {
      const { status, body } = await send(modern, call(modern), headers)
      expect(status).toBe(400)
      expect(JSON.parse(body)).toMatchObject({ id: 1, error: { code: -32020 } })
    })
  })

  test('GET and DELETE are 405, and a session id is ignored', async () => {
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(gateway.mcp('stub'), { method, headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-protocol-version': modern } })
      expect(response.status).toBe(405)
    }
    const { status, body } = await send(modern, call(modern), { 'mcp-session-id': 'whatever', 'last-event-id': 'e1' })
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ id: 1, result: {} })
    expect(stub.received.at(-1)?.headers).not.toHaveProperty('mcp-session-id')
    expect(stub.received.at(-1)?.headers).not.toHaveProperty('last-event-id')
  })

  test('a client\'s answer is refused', async () => {
    await nothingReaches(async () => expect((await send(modern, '{"jsonrpc":"2.0","id":1,"result":{}}')).status).toBe(400))
  })
})

/** Bytes as they are, for what no HTTP library sends. */
const raw = (text: string): Promise<string> =>
  new Promise((resolve) => {
    const { port } = new URL(gateway.url)
    const socket = net.connect(Number(port), '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    // Where the gateway leaves the connection open, whatever else was read on it is answered after what came first.
    socket.once('data', () => setTimeout(() => socket.destroy(), 1500).unref())
    socket.on('close', () => resolve(answer))
    socket.on('error', () => resolve(answer))
  })
const rawPost = (headers: readonly string[], body = call('2026-07-28')) => {
  const host = new URL(gateway.url).host
  const usual = ['content-type: application/json', 'accept: application/json, text/event-stream', `authorization: Bearer ${token}`, 'mcp-protocol-version: 2026-07-28', 'mcp-method: tools/call', 'mcp-name: read_file']
  return raw(['POST /mcp/stub HTTP/1.1', `host: ${host}`, ...usual, ...headers, '', body].join('\r\n'))
}
const statuses = (answer: string) => [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status))

test.each([
  ['CL and TE', [`content-length: 5`, 'transfer-encoding: chunked']],
  ['two content lengths', ['content-length: 5', 'content-length: 6']],
  ['an unknown coding', ['transfer-encoding: xchunked']],
  ['a folded header', ['content-length: 5', 'x-a: b\r\n c']],
  ['two Mcp-Names', [`content-length: ${call('2026-07-28').length}`, 'mcp-name: delete_file']],
  ['two Authorizations', [`content-length: ${call('2026-07-28').length}`, 'authorization: Bearer x']],
  ['two Hosts', [`content-length: ${call('2026-07-28').length}`, 'host: evil.example']],
])('%s: refused, and no second request is read', async (_name, headers) => {
  await nothingReaches(async () => {
    const seen = statuses(await rawPost(headers))
    expect(seen).toHaveLength(1)
    expect([400, 401]).toContain(seen[0])
  })
})
