import { connect as dial } from 'node:net'
import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

allow if input.actor.kind != "nobody"

require_approval contains {"code": "held", "reviewers": ["oncall"]} if input.message.call.name == "held"
`
let stub: StubServer
let gateway: TestGateway
let running = 0
let most = 0
let releases: (() => void)[] = []
let onCall: () => void = () => undefined

beforeAll(async () => {
  const tools = ['slow', 'quick', 'held'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ tools }),
    async 'tools/call'({ name, arguments: args }) {
      if (name === 'slow') {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((resolve) => {
          releases.push(resolve)
          onCall()
        })
        running -= 1
      }
      return { content: [{ type: 'text', text: JSON.stringify(args) }] }
    },
  }))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy },
    settings: { limits: { calls_per_person: 2, connections: 40 }, approvals: { hold: '5m', hold_with_progress: '5m' } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})
beforeEach(() => {
  most = 0
  releases = []
})

const open = async (subject: string, claims: Readonly<Record<string, unknown>> = {}): Promise<PlainClient> => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [], claims }, 'stub'), '2025-11-25')
  await client.request('tools/list')
  return client
}
const call = (id: number | string, name = 'slow') => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: { id } } })
const atServer = (count: number) =>
  new Promise<void>((resolve) => {
    onCall = () => {
      if (releases.length >= count) resolve()
    }
    onCall()
  })
const finish = async (count: number) => {
  for (let done = 0; done < count; done += 1) {
    await atServer(done + 1)
    releases[done]?.()
  }
}
const rejected = async (reason: string) => Number(new RegExp(`sallyport_rejected_total\\{reason="${reason}"\\} (\\d+)`).exec(await gateway.gateway.metrics.print())?.[1] ?? 0)

test('of one caller so many calls run at once; more wait their turn, and what is more than that is refused', async () => {
  const [sam, again, eve] = [await open('sam'), await open('sam'), await open('eve')]
  const asked = Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? sam : again).send(call(at)))
  await atServer(2)
  while ((await rejected('busy')) < 2) await new Promise(setImmediate)
  expect((await eve.request('tools/call', { name: 'quick', arguments: {} })).status).toBe(200)
  await finish(10)
  const answers = await Promise.all(asked.map(async (response, id) => ({ id, status: (await response).status, retryAfter: (await response).headers.get('retry-after'), body: await (await response).json() })))
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused).toHaveLength(2)
  for (const { id, retryAfter, body } of refused) expect([retryAfter, body]).toMatchObject(['1', { id, error: { code: -33002 } }])
  for (const { id, body } of answers.filter(({ status }) => status === 200)) expect(body).toMatchObject({ id, result: { content: [{ text: `{"id":${id}}` }] } })
  expect(most).toBe(2)
})

test('who calls much by an agent takes no turn of others for whom it acts', async () => {
  const [sams, eves] = [await open('sam', { act: { sub: 'bot' } }), await open('eve', { act: { sub: 'bot' } })]
  const taken = [1, 2].map((id) => sams.send(call(id)))
  await atServer(2)
  expect((await eves.request('tools/call', { name: 'quick', arguments: {} })).result).toMatchObject({ content: [{ text: '{}' }] })
  for (const release of releases) release()
  await Promise.all(taken)
})

test('what is taken back while it waits never reaches the server', async () => {
  const sam = await open('sam')
  const asked = [sam.send(call(1)), sam.send(call(2))]
  await atServer(2)
  const waiting = sam.send(call('taken-back'))
  const cancelled = () => sam.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'taken-back' } })
  const over = waiting.then(async (response) => response.text())
  let text: string | undefined
  void over.then((got) => (text = got))
  while (text === undefined) await cancelled()
  await finish(2)
  await Promise.all(asked)
  expect(text).not.toContain('result')
  expect(JSON.stringify(stub.received.map(({ body }) => body))).not.toContain('taken-back')
})

test('calls that wait for a reviewer take no turn', async () => {
  const kim = await open('kim')
  const abort = new AbortController()
  const held = [1, 2, 3].map(async (id) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${await gateway.token({ subject: 'kim', groups: [] }, 'stub')}`, 'mcp-session-id': kim.session ?? '' }
    return fetch(gateway.mcp('stub'), { method: 'POST', headers, body: JSON.stringify(call(id, 'held')), signal: abort.signal })
  })
  await Promise.all(held) // their streams have begun
  expect((await kim.request('tools/call', { name: 'quick', arguments: {} })).status).toBe(200)
  abort.abort()
})

test('connections past the limit are closed, and there is room again when others end', async () => {
  const sockets = Array.from({ length: 60 }, () => dial(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => undefined))
  let closed = 0
  await new Promise<void>((resolve) => {
    for (const socket of sockets) socket.once('close', () => ++closed === 15 && resolve())
  })
  for (const socket of sockets) socket.destroy()
  await Promise.all(sockets.map((socket) => socket.closed || new Promise((resolve) => socket.once('close', resolve))))
  const health = async (): Promise<number> => fetch(`${gateway.url}/healthz`).then(({ status }) => status, health)
  expect(await health()).toBe(200)
})

test('told to stop, the gateway ends what runs and begins nothing that waits', async () => {
  const sam = await open('sam')
  const asked = [sam.send(call('runs')), sam.send(call('runs too'))]
  await atServer(2)
  const before = await rejected('busy')
  const waiting = Array.from({ length: 9 }, () => sam.send(call('waits')))
  while ((await rejected('busy')) === before) await new Promise(setImmediate) // one too many: the other eight wait
  let stopped = false
  const closing = gateway.gateway.close().then(() => (stopped = true))
  expect(await Promise.all(waiting.map(async (response) => (await response).status))).toEqual(Array(9).fill(503))
  expect(stopped).toBe(false)
  await finish(2)
  expect(await Promise.all(asked.map(async (response) => (await response).status))).toEqual([200, 200])
  await closing
  expect(JSON.stringify(stub.received.map(({ body }) => body))).not.toContain('waits')
})
