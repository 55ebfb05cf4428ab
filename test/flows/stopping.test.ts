import type { ServerResponse } from 'node:http'
import { readMessages } from '../support/events.ts'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a gateway that stops says to those who would else keep it, until it cuts them off after half a minute.

const policy = `package policies.test

allow if input.actor.kind != "nobody"

require_approval contains {"code": "held", "reviewers": ["oncall"]} if input.message.call.name == "held"
`
const soon = 15_000
let stub: StubServer
let gateway: TestGateway
let onList: (answer: () => void) => void
let onListen: (id: string, response: ServerResponse) => void

beforeEach(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: [{ name: 'held', inputSchema: { type: 'object' } }] }) })
  onList = (answer) => answer()
  stub = await startStubServer((request, response) => {
    const { id, method } = request.body === '' ? {} : JSON.parse(request.body)
    if (method === 'subscriptions/listen') return onListen(id, response)
    if (method === 'tools/list') return onList(() => void base(request, response))
    return base(request, response)
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
})
afterEach(async () => {
  await gateway.close()
  await stub.close()
})
const tokenOf = (subject: string) => gateway.token({ subject, groups: [] }, 'stub')
const stop = async () => {
  const since = performance.now()
  await gateway.gateway.close()
  return performance.now() - since
}

test.each(['acknowledged', 'not yet acknowledged'])('a subscription, %s, is ended as a server ends one, and is not waited for', async (state) => {
  const asked = Promise.withResolvers<void>()
  onListen = (id, response) => {
    const params = { notifications: { toolsListChanged: true }, _meta: { 'io.modelcontextprotocol/subscriptionId': id } }
    events(response, state === 'acknowledged' ? [`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params })}\n\n`] : [':\n\n'])
    asked.resolve()
  }
  const client = await connect(gateway.mcp('stub'), await tokenOf('sam'), '2026-07-28')
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
  const body = { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta } }
  const stream = readMessages(await client.send(body, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' }))
  await asked.promise
  if (state === 'acknowledged') expect((await stream.next()).value).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
  const took = stop()
  expect((await stream.next()).value).toMatchObject(
    state === 'acknowledged' ? { id: 7, result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 7 } } } : { id: 7, error: { code: -33002 } },
  )
  expect((await stream.next()).done).toBe(true)
  expect(await took).toBeLessThan(soon)
})

test.each(['2025-11-25', '2026-07-28'])('%s: a call that is about to be held is told to call again, like those that are held', async (revision) => {
  const client = await connect(gateway.mcp('stub'), await tokenOf('sam'), revision)
  const listed = new Promise<() => void>((resolve) => (onList = resolve))
  const call = client.request('tools/call', { name: 'held', arguments: {} })
  const answerList = await listed
  const took = stop()
  answerList()
  expect(JSON.stringify(await call)).toContain('approval_id')
  expect(await took).toBeLessThan(soon)
})
