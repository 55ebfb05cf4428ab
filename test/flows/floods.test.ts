import type { ServerResponse } from 'node:http'
import { allowAll, connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Servers that say much to nobody: they are held back, and others are served as ever.

const piece = (text: string) => text.repeat(Math.ceil((64 * 1024) / text.length))
const floods: Readonly<Record<string, () => string>> = {
  comments: () => piece(':\n\n'),
  'empty lines': () => piece('\n'),
  'fields of no meaning': () => piece('noise\n'),
  'when to come back': () => piece('retry: 1\n\n'),
  'ids of nothing': () => piece(`id: ${Math.random()}\ndata:\n\n`),
}
/** More than the buffers of sockets hold, and a gateway takes in a while. */
const most = 2048
let poured = 0
let isEndless = false

async function pour(response: ServerResponse, next: () => string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (poured = 0; poured < most && !response.destroyed; poured += 1) {
    if (!response.write(next())) await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve))
  }
}

let server: StubServer
let gateway: TestGateway
let other: PlainClient
let count = 0
beforeAll(async () => {
  const tools = [{ name: 't', inputSchema: { type: 'object' } }]
  const base = mcpAnswers({ 'tools/list': () => (isEndless ? { tools, nextCursor: 'more', _meta: { long: 'x'.repeat(2 * 1024 * 1024) } } : { tools }) })
  server = await startStubServer((request, response) => {
    const { id, method, params } = JSON.parse(request.body === '' ? '{}' : request.body)
    const flood = method === 'tools/call' ? floods[params.arguments.flood] : undefined
    if (flood !== undefined) return void pour(response, flood)
    if (method === 'tools/call' && params.arguments.before !== undefined) return events(response, [...Array.from({ length: 100 }, () => params.arguments.before), `data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`]), void response.end()
    if (method === 'tools/call' && params.arguments.ends !== undefined) return events(response, [params.arguments.ends]), void response.end()
    return method === 'tools/call' ? json(response, { jsonrpc: '2.0', id, result: { content: [] } }) : base(request, response)
  })
  gateway = await startGateway({ upstreams: { server: { url: server.url } }, rego: { 'policies/open/open.rego': allowAll } })
  other = await open()
})
afterAll(async () => {
  await server?.close()
  await gateway?.close()
})
const open = async () => connect(gateway.mcp('server'), await gateway.token({ subject: `user-${(count += 1)}`, groups: [] }, 'server'), '2025-11-25')

test.each(Object.keys(floods))('a stream of %s is read slowly', async (flood) => {
  const flooded = await open()
  const leave = new AbortController()
  const answer = await flooded.send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 't', arguments: { flood } } })
  answer.body?.pipeTo(new WritableStream(), { signal: leave.signal }).catch(() => undefined)
  for (let call = 0; call < 20; call += 1) expect((await other.request('tools/call', { name: 't', arguments: {} })).result).toEqual({ content: [] })
  expect(poured).toBeLessThan(most / 4)
  leave.abort()
  // to leave is not to cancel: the gateway would wait for it at its end
  await flooded.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } })
})

test('a server that breaks the protocol again and again is listened to slowly', async () => {
  const timeOf = async (message: object) => {
    const { request } = await open()
    const begun = performance.now()
    expect((await request('tools/call', { name: 't', arguments: { before: `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n` } })).result).toEqual({ content: [] })
    return performance.now() - begun
  }
  const [news, strays] = [await timeOf({ method: 'notifications/message', params: { level: 'info', data: 'x' } }), await timeOf({ id: 'of nobody', result: {} })]
  expect(strays).toBeGreaterThan(news + 1000)
})

test('an id that no server would take back is not kept: nobody asks for the rest by it', async () => {
  const { request } = await open()
  const answer = await request('tools/call', { name: 't', arguments: { ends: `id: ${'x'.repeat(10_000)}\ndata:\n\n` } })
  expect(answer.error?.code).toBe(-33003)
  expect(server.received.filter(({ headers }) => headers['last-event-id'] !== undefined)).toEqual([])
})

test('of a list of long pages without end as much is read as is kept', async () => {
  const { request } = await open()
  isEndless = true
  const asked = server.received.length
  expect((await request('tools/call', { name: 'new', arguments: {} })).result).toEqual({ content: [] })
  isEndless = false
  expect(server.received.slice(asked).filter(({ body }) => body.includes('tools/list')).length).toBeLessThan(12)
})
