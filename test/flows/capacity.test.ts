import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { until } from '../support/conditions.ts'
import { allowAll, connect, post, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const everything = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js')
let stub: StubServer
let gateway: TestGateway

beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({}))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url }, child: { command: process.execPath, args: [everything, 'stdio'] } },
    rego: { 'policies/open/open.rego': allowAll },
    settings: { limits: { request: '4MiB', sessions_per_person: 3, children_per_person: 2 } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const open = async (who: string, upstream: string) => connect(gateway.mcp(upstream), await gateway.token({ subject: who, groups: [] }, upstream), '2025-11-25')

/** Tries again while the gateway says that it is full, as it says to. */
async function openWhenThereIsRoom(who: string, upstream: string): Promise<PlainClient> {
  for (;;) {
    try {
      return await open(who, upstream)
    } catch (error) {
      if (!String(error).includes('-33002')) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
const status = async (client: PlainClient) => (await client.request('ping')).status

test('a caller who never says goodbye is not locked out: the session idle for longest goes, and is told 404', async () => {
  const clients = [await open('sam', 'stub'), await open('sam', 'stub'), await open('sam', 'stub')]
  const other = await open('eve', 'stub')
  await clients[0]?.request('ping')
  const fourth = await openWhenThereIsRoom('sam', 'stub')
  expect(await Promise.all([...clients, fourth, other].map(status))).toEqual([200, 404, 200, 200, 200])
})

test('no session that waits for an answer has to go', async () => {
  let release: (value: object) => void = () => undefined
  const slow = await startStubServer(mcpAnswers({ 'tools/call': () => new Promise((resolve) => (release = resolve)) }))
  const busy = await startGateway({ upstreams: { slow: { url: slow.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { limits: { sessions_per_person: 1 } } })
  try {
    const token = await busy.token({ subject: 'sam', groups: [] }, 'slow')
    const client = await connect(busy.mcp('slow'), token, '2025-11-25')
    const asked = client.request('tools/call', { name: 'slow', arguments: {} })
    const until = performance.now() + 1500
    while (performance.now() < until) {
      const refused = await post(busy.mcp('slow'), token, { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'n', version: '1' } } })
      expect(refused.status).toBe(503)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    release({ content: [] })
    expect((await asked).result).toEqual({ content: [] })
  } finally {
    await busy.close()
    await slow.close()
  }
})

test('an idle child makes room for another one, and its session goes on with a new child', async () => {
  const [first, second] = [await open('kim', 'child'), await open('kim', 'child')]
  const echo = async (client: PlainClient) => JSON.stringify((await client.request('tools/call', { name: 'echo', arguments: { message: 'hi' } })).result)
  expect(await echo(first)).toContain('Echo: hi')
  const third = await openWhenThereIsRoom('kim', 'child')
  expect(await echo(third)).toContain('Echo: hi')
  for (const client of [first, second]) {
    for (;;) {
      const answer = await client.request('tools/call', { name: 'echo', arguments: { message: 'again' } })
      if (answer.error?.code !== -33002) {
        expect(JSON.stringify(answer)).toContain('Echo: again')
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
})

const largest = 4 * 1024 * 1024
const room = 64 * 1024 * 1024

test.each(['Streamable HTTP', 'HTTP+SSE'])('%s: who sends many large messages and finishes none takes no more memory than one may, and holds up nobody else', async (door) => {
  const { host, port } = new URL(gateway.url)
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' }
  const stream = door === 'HTTP+SSE' ? (await fetch(`${gateway.mcp('stub')}/sse`, { headers })).body?.getReader() : undefined
  const path = stream === undefined ? '/mcp/stub' : /data: (.*)/.exec(Buffer.from((await stream.read()).value ?? []).toString())?.[1]
  const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: ${largest}\r\n\r\n`
  const refusals: string[] = []
  const sockets = Array.from({ length: room / largest + 2 }, (): Socket => {
    const socket = dial(Number(port), '127.0.0.1')
    socket.once('data', (answer) => refusals.push(String(answer)))
    socket.write(head)
    socket.write(' '.repeat(largest - 1))
    return socket
  })
  await until(() => refusals.length > 0)
  expect(refusals[0]).toMatch(/^HTTP\/1.1 503 [^]*retry-after: 1[^]*-33002/i)
  const ping = (who: string) => open(who, 'stub').then(status)
  expect(await ping('eve')).toBe(200)
  expect(refusals.length).toBeLessThanOrEqual(2)
  await Promise.all(sockets.map(async (socket) => {
    const closed = once(socket, 'close')
    socket.destroy()
    await closed
  }))
  await until(async () => (await ping('sam').catch(() => 503)) === 200)
  await stream?.cancel()
})
