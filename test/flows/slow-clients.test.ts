import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { allowAll, connect, modernMeta, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Whoever sends or reads too slowly is cut off; how long that took is only compared with how long it may take.

const large = 'x'.repeat(3_000_000)
const event = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'y'.repeat(50_000) } })}\n\n`
let stub: StubServer
let gateway: TestGateway
let token: string
let flooded = 0
let floodEnded: Promise<unknown>

beforeAll(async () => {
  let tellEnded: (value?: unknown) => void
  floodEnded = new Promise((resolve) => (tellEnded = resolve))
  const tools = ['large', 'flood', 'echo'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const base = mcpAnswers({
    'tools/list': () => ({ ...complete, tools }),
    'tools/call': ({ name }) => ({ ...complete, content: [{ type: 'text', text: name === 'large' ? large : 'small' }] }),
  })
  stub = await startStubServer((request, response) => {
    if (!request.body.includes('"flood"')) return base(request, response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.once('close', () => tellEnded())
    const more = () => {
      while (!response.destroyed) {
        flooded += event.length
        if (!response.write(event)) return void response.once('drain', more)
      }
    }
    more()
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const port = () => Number(new URL(gateway.url).port)
const head = (path: string, more: readonly string[], bytes: number) => [`POST ${path} HTTP/1.1`, `Host: 127.0.0.1:${port()}`, 'Content-Type: application/json', 'Accept: application/json, text/event-stream', `Content-Length: ${bytes}`, ...more, '', ''].join('\r\n')

/** However it was closed: `once` of node:events would reject where it was cut off. */
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

interface Cut {
  readonly seconds: number
  readonly got: string
}
/** Sends `first`, then a byte a second for ever; resolves when the gateway ends the connection. */
async function drip(first: string): Promise<Cut> {
  const socket = dial(port(), '127.0.0.1')
  const started = performance.now()
  let got = ''
  socket.on('data', (chunk) => (got += chunk))
  socket.on('error', () => undefined)
  socket.write(first)
  const timer = setInterval(() => socket.write('x'), 1000)
  await closed(socket)
  clearInterval(timer)
  return { seconds: (performance.now() - started) / 1000, got }
}

/** A disk may be busy with what the slow ones had recorded: who is asked to come again does so, and is served soon. */
async function served(own: string): Promise<PlainClient> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await connect(gateway.mcp('stub'), own, '2025-11-25')
    } catch (error) {
      if (tries === 5 || !String(error).includes('503')) throw error
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
}

/** Asks, more than once, and never reads. */
function askAndStall(name: string, times = 1): { readonly socket: Socket; readonly cut: Promise<number> } {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {}, _meta: modernMeta } })
  const socket = dial(port(), '127.0.0.1')
  const started = performance.now()
  socket.on('error', () => undefined)
  socket.pause()
  const request = head('/mcp/stub', [`Authorization: Bearer ${token}`, 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', `Mcp-Name: ${name}`], Buffer.byteLength(body)) + body
  socket.write(request.repeat(times))
  return { socket, cut: connectionsOf(socket).then(() => (performance.now() - started) / 1000) }
}

// A socket that does not read hears of no end: the gateway's side is asked.
async function connectionsOf(socket: Socket): Promise<void> {
  await once(socket, 'connect')
  const { readFile } = await import('node:fs/promises')
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(4, '0')
  const own = `:${hex(port())} 0100007F:${hex(socket.localPort ?? 0)} 01`
  for (;;) {
    const table = await readFile('/proc/net/tcp', 'utf8')
    if (!table.includes(own)) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

test('a socket that asks on and on without an answer is closed, and what it asked last is not done', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'piped' }, _meta: modernMeta } })
  const request = head('/mcp/stub', [`Authorization: Bearer ${token}`, 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', 'Mcp-Name: echo'], Buffer.byteLength(body)) + body
  const calls = () => stub.received.filter((one) => one.body.includes('piped')).length
  const ask = async (times: number, answers: number) => {
    const socket = dial(port(), '127.0.0.1').on('error', () => undefined)
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk
      if (got.split('HTTP/1.1 200').length > answers) socket.end()
    })
    socket.write(request.repeat(times))
    await closed(socket)
    return got.split('HTTP/1.1 200').length - 1
  }
  expect(await ask(5, 5)).toBe(5)
  expect(calls()).toBe(5)
  expect(await ask(200, 200)).toBeLessThan(200)
  expect(calls()).toBeLessThanOrEqual(5 + 16)
})

test('L13: slow senders are cut off after 10 s of headers and 30 s of body, on every path, and stalled readers too', async () => {
  const stalled = askAndStall('large', 5) // more than the system's own buffers hold
  const flood = askAndStall('flood')
  const secret = `Authorization: Bearer ${token}`
  const api = `Authorization: Bearer ${await gateway.token({ subject: 'o', groups: ['ops'] }, 'api')}`
  const dripping = Promise.all([
    drip(`POST /mcp/stub HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\nX-Slow: `),
    drip(''),
    drip(head('/mcp/stub', [secret], 1000)),
    drip(head('/mcp/stub', [], 1000)),
    drip(head('/api/v1/approvals/apr_1/approve', [api], 1000)),
    drip(head('/nowhere', [], 1000)),
  ])
  const client = await served(await gateway.token({ subject: 'eve', groups: [] }, 'stub'))
  expect((await client.request('tools/call', { name: 'echo', arguments: {} })).status).toBe(200)
  const [headers, nothing, body, anonymous, admin, nowhere] = await dripping
  const shortest = Math.min(...[body, anonymous, admin, nowhere].map((each) => each?.seconds ?? 0))
  expect(headers?.seconds).toBeLessThan(shortest)
  expect(nothing?.seconds).toBeLessThan(shortest)
  expect(body?.got).toContain('408')
  expect(anonymous?.got).toContain('401')
  for (const each of [body, anonymous, admin, nowhere]) expect(each?.seconds).toBeLessThan(90)
  expect(await stalled.cut).toBeLessThan(90)
  expect(await flood.cut).toBeLessThan(90)
  await floodEnded
  expect(flooded).toBeLessThan(20_000_000) // what the sockets on the way hold
  stalled.socket.destroy()
  flood.socket.destroy()
  expect((await client.request('tools/call', { name: 'echo', arguments: {} })).status).toBe(200)
})
