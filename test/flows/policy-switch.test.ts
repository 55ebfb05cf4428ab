import net from 'node:net'
import { createAuthority, type Authority } from '../support/certificates.ts'
import { answerOf, askApi, connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { rolesFile } from '../support/gateway-files.ts'
import { startSseServer, type SseServer } from '../support/sse-server.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// A policy that changes while a call waits: for reviewers, or for the connection to its server.

let edits = 0
const policy = (more: string, edit = (edits += 1)) => `package policies.test

# ${edit}
allow if input.actor.kind != "nobody"
${more}`
const asking = (group: string) => `\nrequire_approval contains {"code": "change", "reviewers": ["${group}"]} if input.message.call.name == "change"\n`
const refusing = (method: string) => `\ndeny contains {"code": "stopped"} if input.message.method == "${method}"\n`
let stub: StubServer
let behindTls: StubServer
let streams: SseServer
let gateway: TestGateway
let authority: Authority
/** In front of the server over TLS: bytes wait until the door is opened. */
const door = { arrived: Promise.withResolvers<void>(), opened: Promise.withResolvers<void>() }
const stream = { asked: Promise.withResolvers<void>(), open: () => {} }
let front: net.Server

beforeAll(async () => {
  authority = createAuthority('own')
  const { cert, key } = authority.issue('server')
  const answer = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'change', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ resultType: 'complete', content: [{ type: 'text', text: 'done' }] }) })
  stub = await startStubServer(answer)
  behindTls = await startStubServer(answer, { cert, key })
  const target = Number(new URL(behindTls.url).port)
  front = net.createServer((socket) => {
    door.arrived.resolve()
    void door.opened.promise.then(() => socket.pipe(net.connect(target, '127.0.0.1')).pipe(socket))
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  streams = await startSseServer({
    open(response) {
      stream.open = () => void response.write('event: endpoint\ndata: /message?session=1\n\n')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      stream.asked.resolve()
      return true
    },
  })
  const { port } = front.address() as net.AddressInfo
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url }, tls: { url: `https://127.0.0.1:${port}/mcp`, tls: { ca: { file: authority.certFile } } }, streams: { url: streams.url, transport: 'sse' } },
    rego: { 'policies/test/test.rego': policy(asking('oncall')), [rolesFile]: 'package policies.people\n\nroles contains "reviewer" if {\n\tsome group in {"oncall", "audit"}\n\tgroup in input.actor.groups\n}\n' }, settings: { approvals: { hold: '5m', hold_with_progress: '5m' }, },
  })
})
afterAll(async () => {
  await gateway?.close()
  for (const server of [stub, behindTls, streams]) await server?.close()
  front?.close()
  authority?.remove()
})

const activate = async (more: string, edit?: number) => {
  gateway.writePolicy('policies/test/test.rego', policy(more, edit))
  expect((await gateway.gateway.pipeline.run()).error).toBeUndefined()
}
const api = async (path: string, body?: object, groups = ['oncall']) => {
  const own = await gateway.token({ subject: `reviewer-${groups.join()}`, groups }, 'api')
  const response = await askApi(gateway.url, own, path, body)
  return (await response.json()) as { state?: string; items?: { id: string }[] }
}
const pending = async (not?: string, groups?: string[]): Promise<string> => {
  for (;;) {
    const id = (await api('approvals?state=pending', undefined, groups)).items?.find((each) => each.id !== not)?.id
    if (id !== undefined) return id
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
let callers = 0
const open = async (upstream = 'stub', revision = '2025-11-25') => connect(gateway.mcp(upstream), await gateway.token({ subject: `caller-${(callers += 1)}`, groups: [] }, upstream), revision)
const change = (n: number) => ({ name: 'change', arguments: { n } })
const sent = (n: number) => stub.messages().filter(({ method, params }) => method === 'tools/call' && (params?.['arguments'] as { n?: number }).n === n).length
const decided = (decision: object) => ({ isError: true, _meta: { 'sallyport/decision': decision } })

test('a held call that the new policy refuses ends at once, and nobody can approve it any more', async () => {
  await activate(asking('oncall'))
  const held = (await open()).request('tools/call', change(1))
  const id = await pending()
  await activate(`${asking('oncall')}${refusing('tools/call')}`)
  expect((await held).result).toMatchObject(decided({ kind: 'deny', executed: false, reasons: [{ code: 'stopped' }] }))
  expect((await api(`approvals/${id}`)).state).toBe('void')
  await api(`approvals/${id}/approve`, { reason: 'fine' })
  expect(sent(1)).toBe(0)
})

test.each(['2025-11-25', '2026-07-28'])('%s: a held call for which the new policy asks others is put before those, and runs once', async (revision) => {
  const n = revision === '2025-11-25' ? 2 : 3
  await activate(asking('oncall'))
  const held = (await open('stub', revision)).request('tools/call', change(n))
  const id = await pending()
  await activate(asking('audit'))
  const other = await pending(id, ['audit'])
  expect((await api(`approvals/${id}`)).state).toBe('void')
  await api(`approvals/${other}/approve`, { reason: 'fine' }, ['audit'])
  expect((await held).result).toMatchObject({ content: [{ text: 'done' }] })
  expect(sent(n)).toBe(1)
})

test('a held call that the new policy allows stays with its reviewers; made again, it passes', async () => {
  await activate(asking('oncall'))
  const client = await open()
  const held = client.request('tools/call', change(4))
  const id = await pending()
  await activate('')
  expect((await client.request('tools/call', change(4))).result).toMatchObject({ content: [{ text: 'done' }] })
  expect((await api(`approvals/${id}`)).state).toBe('pending')
  await api(`approvals/${id}/deny`, { reason: 'not today' })
  expect((await held).result).toMatchObject(decided({ reasons: [{ code: 'approval_refused' }] }))
  expect(sent(4)).toBe(1)
})

test('HTTP+SSE: a request that waits for its server to open a connection is judged by the policy that is active when it does', async () => {
  await activate('')
  const greeting = open('streams').catch((error: unknown) => String(error))
  await stream.asked.promise
  await activate(refusing('initialize'))
  stream.open()
  expect(await greeting).toContain('stopped')
  expect(streams.posts).toEqual([])
})

test('HTTP: a request that waits for its connection is judged by the policy that is active when it has one', async () => {
  // What was built before is not built again: no connection is waited for that long.
  await activate(refusing('tools/list'), 0)
  await activate('')
  const call = { jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: modernMeta } }
  const body = { ...call, method: 'tools/list' }
  const asked = post(gateway.mcp('tls'), await gateway.token({ subject: 'waiting', groups: [] }, 'tls'), body, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' })
  await door.arrived.promise
  await activate(refusing('tools/list'), 0)
  door.opened.resolve()
  expect((await answerOf(await asked)).error).toMatchObject({ code: -33001, data: { reasons: [{ code: 'stopped' }] } })
  expect(behindTls.received).toEqual([])
})
