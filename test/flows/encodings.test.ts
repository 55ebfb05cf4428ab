import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connect, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { storedFiles } from '../support/stored-files.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// P17: what a detector finds is masked however it is written, wherever it stands. The list is the one of docs/policies.md, "Masks".

const digits = '4111111111111111'
const spaced = '4111 1111 1111 1111'
const escaped = [...digits].map((digit) => `\\u00${digit.charCodeAt(0).toString(16)}`).join('')

/** A text that holds the card number in one of the declared ways. */
const encodings: Readonly<Record<string, string>> = {
  'as it is': digits,
  'in groups, by spaces': spaced,
  'in groups, by dashes': spaced.replaceAll(' ', '-'),
  'among other text': `paid with ${spaced}, thanks`,
  'with zero-width spaces': spaced.replaceAll(' ', '\u200b'),
  'with a zero-width joiner between all digits': [...digits].join('\u200d'),
  'with soft hyphens': spaced.replaceAll(' ', '\u00ad'),
  'with a byte order mark inside': `4111\ufeff${digits.slice(4)}`,
  'percent-encoded': [...digits].map((digit) => `%${digit.charCodeAt(0).toString(16)}`).join(''),
  'in a query': `https://shop.example/?card=${spaced.replaceAll(' ', '%20')}`,
  'in a text that is JSON': JSON.stringify({ card: spaced }),
  'as a number in a text that is JSON': `{"card": ${digits}}`,
  'escaped in a text that is JSON': `{"card": "${escaped}"}`,
  'in JSON within JSON': JSON.stringify({ inner: JSON.stringify({ card: spaced }) }),
}
const names = Object.keys(encodings)

/** Everything that a reader or a program could make of what it got. */
function readings(text: string): readonly string[] {
  const plain = (one: string) => one.replace(/[\u00ad\u200b-\u200d\u2060\ufeff]/g, '').replace(/(\d)[ -](?=\d)/g, '$1')
  const unescaped = (one: string) => one.replace(/\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const percent = (one: string) => one.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const blobs = [...text.matchAll(/"blob":"([^"]+)"/g)].map(([, blob = '']) => Buffer.from(blob, 'base64').toString('utf8'))
  return [text, ...blobs].flatMap((one) => [one, unescaped(one), percent(one), percent(unescaped(one))]).map(plain)
}
const leaks = (text: string) => readings(text).some((reading) => reading.includes(digits))

const policy = `package policies.test

allow if input.actor.kind != "nobody"

allow_server if input.message.method in {"elicitation/create", "sampling/createMessage"}

mask contains {"detector": "card_number"}
`
let stub: StubServer
let gateway: TestGateway
let token: string
/** What the server's texts hold now. */
let secret: string | number = ''

beforeAll(async () => {
  const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const blob = () => Buffer.from(String(secret)).toString('base64')
  const deep = () => ({ level: { text: secret, list: [[secret]] } })
  const result = () => ({
    ...complete,
    content: [
      { type: 'text', text: secret, annotations: { title: secret }, _meta: { note: secret } },
      { type: 'resource', resource: { uri: 'mem://x', text: secret } }, { type: 'resource', resource: { uri: 'mem://y', mimeType: 'text/plain', blob: blob() } },
      { type: 'resource_link', uri: 'mem://z', name: 'z', description: secret },
    ],
    structuredContent: deep(), _meta: { 'x/note': secret, deep: deep() }, unheardOf: deep(),
  })
  const entry = (name: string) => ({ name, title: secret, description: secret, _meta: { note: secret } })
  const base = mcpAnswers({
    'tools/list': () => ({ ...complete, tools: ['call', 'fail', 'stream'].map((name) => ({ ...entry(name), inputSchema: { type: 'object', description: secret, properties: { a: { type: 'string', default: secret } } } })) }),
    'prompts/list': () => ({ ...complete, prompts: [{ ...entry('p'), arguments: [{ name: 'a', description: secret }] }] }),
    'resources/list': () => ({ ...complete, resources: [{ ...entry('r'), uri: 'mem://r' }] }),
    'resources/templates/list': () => ({ ...complete, resourceTemplates: [{ ...entry('t'), uriTemplate: 'mem://{t}' }] }),
    'resources/read': ({ uri }) => ({ ...complete, contents: [{ uri, text: secret }, { uri, blob: blob() }], _meta: deep() }),
    'prompts/get': () => ({ ...complete, description: secret, messages: [{ role: 'user', content: { type: 'text', text: secret } }] }),
    'completion/complete': () => ({ ...complete, completion: { values: [secret] } }),
  })
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method !== 'tools/call') return base(request, response)
    const { id, params } = message
    if (params.name === 'fail') return json(response, { jsonrpc: '2.0', id, error: { code: -32000, message: secret, data: deep() } })
    if (params.name === 'call') return json(response, { jsonrpc: '2.0', id, result: result() })
    const frames = [
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: params._meta?.progressToken, progress: 1, message: secret } },
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', logger: secret, data: deep() } },
      ...(params._meta?.['io.modelcontextprotocol/protocolVersion'] === undefined ? [{ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: { message: secret, requestedSchema: { type: 'object', properties: {} } } }] : []),
      { jsonrpc: '2.0', id, result: result() },
    ]
    const bytes = Buffer.from(frames.map((frame) => `event: message\r\ndata: ${JSON.stringify(frame)}\r\n\r\n`).join(''))
    // In small pieces: secrets, escapes and characters are cut wherever it happens.
    events(response, [])
    for (let at = 0; at < bytes.length; at += 41) response.write(bytes.subarray(at, at + 41))
    response.end()
  })
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy } })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const asked: readonly (readonly [method: string, params: object])[] = [
  ['tools/list', {}], ['prompts/list', {}], ['resources/list', {}], ['resources/templates/list', {}],
  ['resources/read', { uri: 'mem://r' }], ['prompts/get', { name: 'p' }], ['completion/complete', { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: 'b' } }],
  ['tools/call', { name: 'call', arguments: {} }], ['tools/call', { name: 'fail', arguments: {} }],
]

describe.each(['2025-11-25', '2026-07-28'])('%s', (revision) => {
  test.each(names)('a card number %s reaches no client', async (name) => {
    secret = 'nothing'
    const client = await connect(gateway.mcp('stub'), token, revision, { elicitation: {} })
    secret = encodings[name] ?? ''
    expect(leaks(JSON.stringify(secret))).toBe(true)
    const answers = await Promise.all(asked.map(async ([method, params]) => ({ method, ...(await client.request(method, params)) })))
    for (const { method, status, ...answer } of answers) {
      expect([method, status]).toEqual([method, 200])
      expect(leaks(JSON.stringify(answer)) ? [method, answer] : []).toEqual([])
      expect(JSON.stringify(answer)).toContain('[MASKED]')
    }
    const modern = revision === '2026-07-28'
    const headers = modern ? { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call', 'mcp-name': 'stream' } : { 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': revision }
    const meta = modern ? { 'io.modelcontextprotocol/protocolVersion': revision, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 'n', version: '1' } } : {}
    const text = await (await post(gateway.mcp('stub'), token, { jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'stream', arguments: {}, _meta: { progressToken: 't', ...meta } } }, headers)).text()
    expect(text.match(/^data: \{/gm)?.length).toBe(modern ? 3 : 4)
    expect(text.split('\n').filter(leaks)).toEqual([])
  })

  test('as a number, in every place that a number can stand', async () => {
    secret = 'nothing'
    const client = await connect(gateway.mcp('stub'), token, revision)
    secret = Number(digits)
    for (const name of ['call', 'fail']) {
      const answer = await client.request('tools/call', { name, arguments: {} })
      expect(leaks(JSON.stringify(answer))).toBe(false)
    }
  })
})

test('and no stored copy has one', async () => {
  const db = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { readOnly: true })
  const kept = db.prepare('SELECT message FROM event').all().map(({ message }) => String(message))
  db.close()
  expect(kept.length).toBeGreaterThan(100)
  expect(kept.filter(leaks)).toEqual([])
  for (const { bytes } of storedFiles(gateway.directory)) expect(bytes.includes(digits)).toBe(false)
})
