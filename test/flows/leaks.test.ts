import { randomUUID } from 'node:crypto'
import { askApi, connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { storedFiles } from '../support/stored-files.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const policy = `package policies.test

import data.sallyport

allow if {
	input.actor.kind != "nobody"
	input.message.method != "prompts/get"
}

mask contains {"path": "/arguments/password"} if input.message.method == "tools/call"

mask contains {"path": "/arguments/region"} if input.message.method == "tools/call"

mask contains {"path": "/messages"}

# What a policy quotes of a masked place is masked, too.
quoted := sprintf("not with %v", [sallyport.arg("password")])

require_approval contains {"code": "held", "reviewers": ["oncall"], "message": quoted} if input.message.call.name == "held"

deny contains {"code": "no", "message": quoted} if input.message.call.name == "denied"

# News during a call: what its request holds is masked by the same path.
mask contains {"path": "/arguments/password"} if input.message.method == "notifications/message"

deny contains {"code": "news", "message": sprintf("not during %v", [sallyport.at(input.request, ["call", "arguments", "password"])])} if input.message.method == "notifications/message"

deny contains {"code": "odd", "message": sallyport.arg("note")} if input.message.call.name == "breaks"
`
let stub: StubServer
let gateway: TestGateway
let token: string
let stray: string | undefined

beforeAll(async () => {
  const inputSchema = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, tier: { type: 'string' } } }
  const base = mcpAnswers({
    'tools/list': () => ({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: ['held', 'denied', 'breaks', 'free', 'tells'].map((name) => ({ name, inputSchema })) }),
    'tools/call': () => ({ resultType: 'complete', content: [] }),
  })
  stub = await startStubServer((request, response) => {
    if (request.body.includes('"tells"')) {
      const { id } = JSON.parse(request.body) as { id: unknown }
      const messages = [{ method: 'notifications/message', params: { level: 'info', data: 'news' } }, { id, result: { resultType: 'complete', content: [] } }]
      events(response, messages.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`))
      return void response.end()
    }
    if (stray === undefined || !request.body.includes('tools/call')) return base(request, response)
    json(response, { jsonrpc: '2.0', id: 'nobody', result: { messages: [stray] } })
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { approvals: { hold: '5m', hold_with_progress: '5m' } } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const call = (name: string, args: object) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: modernMeta } })
const headers = (name: string, extra: Record<string, string> = {}) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name, ...extra })
const api = async (path: string, body?: object) => {
  const own = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
  const response = await askApi(gateway.url, own, path, body)
  return response.text()
}
const filesWith = (text: string) => storedFiles(gateway.directory).filter(({ bytes }) => bytes.includes(text)).map(({ name }) => name)

test('a masked argument is in no header of the approved call, in no list of the reviewer, and in no file', async () => {
  await (await connect(gateway.mcp('stub'), token, '2026-07-28')).request('tools/list')
  const [password, region] = [`pw-${randomUUID()}`, `region-${randomUUID()}`]
  const asked = post(gateway.mcp('stub'), token, call('held', { password, region, tier: 'gold' }), headers('held', { 'mcp-param-region': region, 'mcp-param-tier': 'gold', 'mcp-param-x': password }))
  let list = ''
  while (!list.includes('apr_')) list = await api('approvals?state=pending')
  const id = /apr_[0-9a-f-]+/.exec(list)?.[0] ?? ''
  expect(`${list} ${await api(`approvals/${id}`)}`).not.toMatch(new RegExp(`${password}|${region}`))
  await api(`approvals/${id}/approve`, { reason: 'fine' })
  expect(await (await asked).text()).toContain('"content":[]')
  const sent = stub.received.at(-1)
  expect(JSON.parse(sent?.body ?? '{}').params.arguments).toEqual({ password: '[MASKED]', region: '[MASKED]', tier: 'gold' })
  expect(sent?.headers).toMatchObject({ 'mcp-param-region': '[MASKED]', 'mcp-param-tier': 'gold' })
  expect(JSON.stringify(sent?.rawHeaders)).not.toMatch(new RegExp(`${password}|${region}`))
  expect([...filesWith(password), ...filesWith(region)]).toEqual([])
})

test('a header that mirrors nothing in the judged arguments reaches no server', async () => {
  const secret = randomUUID()
  await (await post(gateway.mcp('stub'), token, call('free', { tier: 'gold', depth: 42 }), headers('free', { 'mcp-param-tier': 'gold', 'Mcp-Param-Depth': '42', 'mcp-param-other': secret, 'mcp-param-b64': `=?base64?${Buffer.from(secret).toString('base64')}?=` }))).text()
  expect(stub.received.at(-1)?.headers).toMatchObject({ 'mcp-param-tier': 'gold', 'mcp-param-depth': '42' })
  expect(Object.keys(stub.received.at(-1)?.headers ?? {}).filter((name) => name.startsWith('mcp-param-'))).toHaveLength(2)
  const legacy = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await legacy.request('tools/list', {}, { 'mcp-param-other': secret })
  await (await post(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 2, method: 'tools/list', params: { _meta: modernMeta } }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list', 'mcp-param-other': secret })).text()
  expect(JSON.stringify(stub.received.map(({ rawHeaders }) => rawHeaders))).not.toContain(secret)
})

test.each(['denied', 'breaks'])('%s: what a mask covers is in no file, though the call was refused', async (name) => {
  const password = `pw-${randomUUID()}`
  const text = await (await post(gateway.mcp('stub'), token, call(name, { password, note: {} }), headers(name))).text()
  expect(text).toContain('"isError":true')
  expect(text).not.toContain(password)
  expect(filesWith(password)).toEqual([])
})

test('what a mask covers of a request is in no file, though news during it were refused with it', async () => {
  const password = `pw-${randomUUID()}`
  const text = await (await post(gateway.mcp('stub'), token, call('tells', { password }), headers('tells'))).text()
  expect(text).toContain('"content":[]')
  expect(text).not.toContain('news')
  expect(filesWith('not during ')).not.toEqual([])
  expect(filesWith(password)).toEqual([])
})

test('what was never judged is in no file: strays of the server, replies to nothing, calls that are unknown', async () => {
  const secrets = Array.from({ length: 3 }, () => randomUUID())
  stray = secrets[0]
  await (await post(gateway.mcp('stub'), token, call('free', {}), headers('free'))).text()
  stray = undefined
  const legacy = await connect(gateway.mcp('stub'), token, '2025-11-25')
  await legacy.send({ jsonrpc: '2.0', id: 'nobody', result: { messages: [secrets[1]] } })
  await legacy.request('prompts/get', { name: 'p', messages: secrets[2] })
  expect(secrets.map(filesWith)).toEqual([[], [], []])
})
