import type { ServerResponse } from 'node:http'
import { modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { readMessages } from '../support/events.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// MCP 2026-07-28 basic/patterns/subscriptions.

const policy = (more = '') => `package policies.test

allow if {
	input.actor.kind != "nobody"
	not startswith(input.message.call.name, "file:///secret/")
}
${more}`
const subscription = 'io.modelcontextprotocol/subscriptionId'
let stub: StubServer
let gateway: TestGateway
let opened: PromiseWithResolvers<{ readonly id: unknown; readonly filter: Record<string, unknown>; readonly response: ServerResponse }>

beforeAll(async () => {
  const base = mcpAnswers({})
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method !== 'subscriptions/listen') return base(request, response)
    events(response, [])
    response.flushHeaders()
    opened.resolve({ id: message.id, filter: message.params.notifications, response })
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy() } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const listen = async (notifications: object) => {
  opened = Promise.withResolvers()
  const token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
  const response = await post(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 'mine', method: 'subscriptions/listen', params: { notifications, _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' })
  const server = await opened.promise
  const tell = (method: string, params: object = {}) => void server.response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, _meta: { [subscription]: server.id } } })}\n\n`)
  const stream = readMessages(response)
  return { server, tell, next: async () => (await stream.next()).value, stream }
}
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })

test('a subscription asks for, is granted, and hears of what its caller may read, under the id of its own request', async () => {
  const { server, tell, next, stream } = await listen({ toolsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///secret/b'] })
  expect(server.filter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['file:///a'] })
  tell('notifications/resources/updated', { uri: 'file:///a' }) // too early: nothing was granted yet
  tell('notifications/subscriptions/acknowledged', { notifications: { toolsListChanged: true, resourceSubscriptions: ['file:///a', 'file:///secret/b'] } })
  expect(await next()).toEqual({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['file:///a'] }, _meta: { [subscription]: 'mine' } } })
  tell('notifications/tools/list_changed')
  expect(await next()).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta: { [subscription]: 'mine' } } })
  tell('notifications/resources/updated', { uri: 'file:///secret/b' })
  tell('notifications/resources/updated', { uri: 'file:///a' })
  expect(await next()).toMatchObject(updated('file:///a'))
  server.response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: server.id, result: { resultType: 'complete', _meta: { [subscription]: server.id } } })}\n\n`)
  expect(await next()).toEqual({ jsonrpc: '2.0', id: 'mine', result: { resultType: 'complete', _meta: { [subscription]: 'mine' } } })
  expect((await stream.next()).done).toBe(true)
})

test('a subscription that may not be had any more ends with its next event, at the server too', async () => {
  const { server, tell, next, stream } = await listen({ resourceSubscriptions: ['file:///a'] })
  tell('notifications/subscriptions/acknowledged', { notifications: { resourceSubscriptions: ['file:///a'] } })
  expect(await next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
  const closed = new Promise((resolve) => server.response.once('close', resolve))
  gateway.writePolicy('policies/test/test.rego', policy('\ndeny contains {"code": "no_news"} if input.message.method == "subscriptions/listen"\n'))
  await gateway.gateway.pipeline.run()
  tell('notifications/resources/updated', { uri: 'file:///a' })
  expect(await next()).toMatchObject({ id: 'mine', error: { code: -33001, data: { kind: 'deny', reasons: [{ code: 'no_news' }] } } })
  expect((await stream.next()).done).toBe(true)
  await closed
  gateway.writePolicy('policies/test/test.rego', policy())
  await gateway.gateway.pipeline.run()
})
