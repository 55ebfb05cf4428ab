import { fc } from '../support/property.ts'
import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { events, startStubServer, type StubServer } from '../support/stub-server.ts'

// What a policy allows and does not mask arrives as it was sent: equal as JSON, numbers with their digits.

const policy = `package policies.test

allow if input.actor.kind != "nobody"

allow_server := true

allow_other if not input.message.method == "vendor/forbidden"

mask contains {"detector": "us_ssn", "with": "[SSN]"} if input.message.direction == "to_client"

deny contains {"code": "large", "message": "too large an image"} if input.message.body.content[0].data.omitted.bytes == 400000
`
let stub: StubServer
let gateway: TestGateway
const clients = new Map<string, PlainClient>()
/** What the server answers, as text. */
let result: string
let streams: boolean
let notices: readonly string[]

beforeAll(async () => {
  stub = await startStubServer((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const message = JSON.parse(request.body) as { id?: unknown; method?: string; params?: { protocolVersion?: string } }
    if (message.id === undefined || message.method === undefined) return void response.writeHead(202).end()
    const greeting = `{"protocolVersion":${JSON.stringify(message.params?.protocolVersion)},"capabilities":{"tools":{},"extensions":{"vendor/x":{"level":1.50}},"vendor":true},"serverInfo":{"name":"s","version":"1"}}`
    const tools = '{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"t","inputSchema":{"type":"object"},"vendor":{"n":1.0}}]}'
    const body = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${message.method === 'initialize' ? greeting : message.method === 'tools/list' ? tools : result}}`
    if (!streams || message.method === 'initialize') return void response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    events(response, [...notices, body].map((data) => `data: ${data}\n\n`))
    response.end()
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
  for (const revision of ['2025-11-25', '2026-07-28']) {
    const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: [] }, 'stub'), revision)
    await client.request('tools/list')
    clients.set(revision, client)
  }
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})
beforeEach(() => {
  streams = false
  notices = []
})

/** Values in which every number is its source text. */
const exact = (text: string): Record<string, unknown> => JSON.parse(text, withSources as (key: string, value: unknown) => unknown) as Record<string, unknown>
const withSources = (_key: string, value: unknown, { source }: { readonly source?: string }) => (typeof value === 'number' ? `number ${source}` : value)
const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'plain', version: '1' } }
const send = async (revision: string, method: string, params: string) => {
  const modern = revision === '2026-07-28'
  const whole = modern ? `${params.slice(0, -1)}${params === '{}' ? '' : ','}"_meta":${JSON.stringify(meta)}}` : params
  const response = await clients.get(revision)?.send(`{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":${whole}}`, modern ? { 'mcp-protocol-version': revision, 'mcp-method': method, ...(method === 'tools/call' ? { 'mcp-name': 't' } : {}) } : {})
  const text = (await response?.text()) ?? ''
  return response?.headers.get('content-type') === 'text/event-stream' ? text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => line.slice(6)) : [text]
}
const got = () => exact(stub.received.at(-1)?.body ?? '{}')['params'] as Record<string, unknown>

// Letters only, so that nothing looks like a number of a person; names that are no array indices keep their order.
const words = fc.stringMatching(/^[a-zäß€𝄞 "\\\n]{0,12}$/u)
const names = fc.stringMatching(/^[a-z]{1,2}[A-Za-z/._-]{0,6}$/).filter((name) => !['jsonrpc', 'id', 'method', 'params', 'result', 'error', 'name', 'uri', 'data', 'text', 'blob', 'tools', 'prompts', 'resources', 'arguments', 'constructor', 'task'].includes(name.toLowerCase()))
const numbers = fc.constantFrom('0', '-0', '1.0', '1.50', '1e3', '1E+3', '0.1e-7', '12345678901234567890', '3.141592653589793238462643', '-7', '9007199254740993', '5e-324')
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('null', 'true', 'false'),
    numbers,
    words.map((text) => JSON.stringify(text)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc.uniqueArray(fc.tuple(names, tie('value')), { maxLength: 4, selector: ([name]) => name.toLowerCase() }).map((members) => `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`),
  ),
}))

test.each([...['2025-11-25', '2026-07-28'].flatMap((revision) => [[revision, 'JSON'], [revision, 'a stream']])])('%s, answered as %s: arguments and results of any shape arrive as they were sent', async (revision, as) => {
  streams = as === 'a stream'
  await fc.assert(
    fc.asyncProperty(value, value, value, async (args, structured, own) => {
      result = `{"resultType":"complete","content":[{"type":"text","text":"plain","_meta":{"vendor/x":${own}}}],"structuredContent":{"any":${structured}},"_meta":{"vendor/y":${own}},"vendorMember":${own}}`
      const [answer = ''] = await send(revision, 'tools/call', `{"name":"t","arguments":{"any":${args}},"vendorParam":${own}}`)
      expect(exact(answer)['result']).toEqual(exact(result))
      expect(got()).toMatchObject({ name: 't', arguments: exact(`{"any":${args}}`), vendorParam: exact(`[${own}]`)[0 as never] })
    }),
    { numRuns: 40 },
  )
})

test.each(['2025-11-25', '2026-07-28'])('%s: methods and notifications that the revision does not know pass where a policy allows them, both ways', async (revision) => {
  result = '{"resultType":"complete","anything":[1.0,{"deep":-0}]}'
  const [answer = ''] = await send(revision, 'vendor/do', '{"what":1.50}')
  expect(exact(answer)['result']).toEqual(exact(result))
  expect(got()).toMatchObject({ what: 'number 1.50' })
  const before = stub.received.length
  const [refused = ''] = await send(revision, 'vendor/forbidden', '{}')
  expect(JSON.parse(refused)).toMatchObject({ error: { code: -32601 } })
  expect(stub.received.length).toBe(before)

  streams = true
  notices = ['{"jsonrpc":"2.0","method":"notifications/vendor/news","params":{"n":1e3}}', '{"jsonrpc":"2.0","method":"vendor/forbidden","params":{}}']
  const seen = await send(revision, 'tools/call', '{"name":"t","arguments":{}}')
  expect(seen.map(exact).filter(({ method }) => method !== undefined)).toEqual([exact(notices[0] ?? '')])
})

test('what a server says of its extensions arrives, and is known to nobody else', async () => {
  const response = await clients.get('2025-11-25')?.send({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: { extensions: { 'vendor/x': {} } }, clientInfo: { name: 'x', version: '1' } } }, { 'mcp-session-id': '' })
  expect(exact((await response?.text()) ?? '')['result']).toMatchObject({ capabilities: { tools: {}, extensions: { 'vendor/x': { level: 'number 1.50' } }, vendor: true } })
  expect(got()).toMatchObject({ capabilities: { extensions: { 'vendor/x': {} } } })
})

test.each(['2025-11-25', '2026-07-28'])('%s: links, images, sound and blobs arrive whole; what detectors find in them is replaced; a policy sees of large ones what they are', async (revision) => {
  const large = Buffer.alloc(100_000, 'a picture ').toString('base64')
  const hidden = Buffer.from(`ssn 219-09-9999 ${'x'.repeat(90_000)}`).toString('base64')
  const content = [
    { type: 'image', data: large, mimeType: 'image/png', annotations: { priority: 0.5 } },
    { type: 'audio', data: large, mimeType: 'audio/wav' },
    { type: 'resource_link', uri: 'file:///a', name: 'a', description: 'ssn 219-09-9999', mimeType: 'text/plain' },
    { type: 'resource', resource: { uri: 'file:///b', mimeType: 'text/plain', blob: hidden } },
    { type: 'resource', resource: { uri: 'file:///c', text: 'plain', _meta: { 'vendor/x': 1 } } },
  ]
  result = JSON.stringify({ resultType: 'complete', content })
  const [answer = ''] = await send(revision, 'tools/call', '{"name":"t","arguments":{}}')
  const blob = Buffer.from(`ssn [SSN] ${'x'.repeat(90_000)}`).toString('base64')
  expect(JSON.parse(answer).result.content).toEqual([content[0], content[1], { ...content[2], description: 'ssn [SSN]' }, { type: 'resource', resource: { uri: 'file:///b', mimeType: 'text/plain', blob } }, content[4]])

  result = JSON.stringify({ resultType: 'complete', content: [{ type: 'image', data: Buffer.alloc(400_000).toString('base64'), mimeType: 'image/png' }] })
  const [withheld = ''] = await send(revision, 'tools/call', '{"name":"t","arguments":{}}')
  expect(JSON.parse(withheld).result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('too large an image') }] })
})
