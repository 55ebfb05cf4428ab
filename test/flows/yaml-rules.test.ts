import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askApi, connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const rules = `
allow:
  - id: support-works
    who: { groups: support }
    upstreams: stub
    tools: [query, 'get_*', export]
    resources: ['crm://customers/*', 'crm://customers/*/public', 'docs://public/**', 'wiki://**/open.md']
deny:
  - id: no-drop
    tools: query
    arguments: { sql: { contains: drop } }
    message: DROP is not allowed here
    remedy: Ask the owners of the table.
mask:
  - id: ssn
    detectors: us_ssn
    with: '[SSN]'
    unless: { groups: audit }
  - id: notes
    tools: get_*
    fields: notes
    with: '[NOTES]'
require_approval:
  - id: bulk
    tools: export
    arguments: { limit: { above: 1000 } }
    reviewers: oncall
    ttl: 10m
    message: more than 1000 rows
`
// Beside the source: policy.rules names it.
const extra = "deny:\n  - { id: nobody-else, who: { people: 'eve@*' }, upstreams: '*', message: not you }\n  - { id: misspelt, who: { groups: suport }, upstreams: stbu }\n"
const customer = { name: 'Ann', ssn: '078-05-1120', deep: [{ notes: 'private' }] }

let stub: StubServer
let gateway: TestGateway
beforeAll(async () => {
  const tools = ['query', 'get_customer', 'export', 'drop_table'].map((name) => ({ name, inputSchema: { type: 'object' } }))
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ tools }),
    'tools/call': ({ name }) => (name === 'get_customer' ? { content: [{ type: 'text', text: JSON.stringify(customer) }], structuredContent: customer } : { content: [{ type: 'text', text: `did ${String(name)}` }] }),
    // As the SDK's servers read what they are asked for.
    'resources/read': ({ uri }) => ({ contents: [{ uri: new URL(String(uri)).href, text: 'a customer' }] }),
  }))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } },
    rego: { 'rules.yaml': rules, '../extra.yaml': extra },
    settings: { policy: { source: { kind: 'directory', path: 'rego' }, rules: 'extra.yaml' }, approvals: { hold: '5m', hold_with_progress: '5m' } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

const clientOf = async (subject: string, groups: readonly string[], email = `${subject}@example.com`): Promise<PlainClient> =>
  connect(gateway.mcp('stub'), await gateway.token({ subject, groups, email }, 'stub'), '2025-11-25')
const callsOf = (name: string): number => stub.messages().filter(({ method, params }) => method === 'tools/call' && (params as { name?: string } | undefined)?.name === name).length
const decisionOf = (answer: Awaited<ReturnType<PlainClient['request']>>) => (answer.result?.['_meta'] as { 'sallyport/decision'?: unknown } | undefined)?.['sallyport/decision']

test('what is allowed is listed and works, and nothing else is there', async () => {
  const client = await clientOf('sam', ['support'])
  expect((await client.request('tools/list')).result).toMatchObject({ tools: [{ name: 'query' }, { name: 'get_customer' }, { name: 'export' }] })
  expect((await client.request('tools/call', { name: 'query', arguments: { sql: 'select 1' } })).result).toMatchObject({ content: [{ text: 'did query' }] })
  expect((await client.request('tools/call', { name: 'drop_table', arguments: {} })).error).toMatchObject({ code: -32602, message: 'Unknown tool: drop_table' })
  expect(callsOf('drop_table')).toBe(0)
  expect((await client.request('resources/read', { uri: 'crm://customers/7' })).result).toMatchObject({ contents: [{ text: 'a customer' }] })
  for (const uri of ['crm://customers/7/keys', 'crm://customers/..', 'crm://other/7']) expect((await client.request('resources/read', { uri })).error).toMatchObject({ code: -32002 })
  const other = await clientOf('olga', ['ops'])
  expect((await other.request('tools/list')).result).toMatchObject({ tools: [] })
})

test('no URI that a server reads as another one passes a wildcard', async () => {
  const client = await clientOf('sam', ['support'])
  const reads = (): readonly unknown[] => stub.messages().filter(({ method }) => method === 'resources/read').map(({ params }) => params?.['uri'])
  const before = reads().length
  // Every reader of URLs leaves these characters out (WHATWG URL, "basic URL parser"), the SDKs' servers among them.
  for (const uri of ['docs://public/.\t./keys', 'docs://public/a/.\n.', 'docs://public/\r../keys', '\u0000docs://public/7', ' docs://public/7', 'docs://public/7 ', 'docs://public/7\u007f']) {
    expect(await client.request('resources/read', { uri })).toMatchObject({ error: { code: -32602 } })
    expect(reads()).toHaveLength(before)
    expect(await client.request('resources/subscribe', { uri })).toMatchObject({ error: { code: -32602 } })
    expect(await client.request('completion/complete', { ref: { type: 'ref/resource', uri }, argument: { name: 'id', value: '' } })).toMatchObject({ error: { code: -32602 } })
  }
  // To every such reader the path ends at a question mark or a number sign (RFC 3986 section 3.3).
  for (const uri of ['crm://customers/private\\7', 'crm://customers/7?/public', 'crm://customers/7#/public', 'wiki://secret/keys?/open.md', 'wiki://secret/keys#/open.md']) {
    expect((await client.request('resources/read', { uri })).error).toMatchObject({ code: -32002 })
  }
  expect(reads()).toHaveLength(before)
  for (const uri of ['crm://customers/7/public', 'crm://customers/7?view=full', 'wiki://a/b/open.md']) expect((await client.request('resources/read', { uri })).error).toBeUndefined()
})

test('what is denied says which rule, and slips past in no other type', async () => {
  const client = await clientOf('sam', ['support'])
  const before = callsOf('query')
  for (const sql of ['DROP TABLE x', ['drop table x'], { a: 'drop' }, null, undefined]) {
    const answer = await client.request('tools/call', { name: 'query', arguments: { sql } })
    expect(answer.result).toMatchObject({ isError: true })
    expect(decisionOf(answer)).toMatchObject({ kind: 'deny', executed: false, reasons: [{ code: 'no-drop', rule: 'rules/deny/no-drop', message: 'DROP is not allowed here', remedy: 'Ask the owners of the table.' }] })
  }
  expect(callsOf('query')).toBe(before)
})

test('answers are masked for all but those who are named', async () => {
  const answerTo = async (groups: readonly string[]): Promise<string> => JSON.stringify((await (await clientOf('sam', groups)).request('tools/call', { name: 'get_customer', arguments: {} })).result)
  const masked = await answerTo(['support'])
  expect(masked).not.toMatch(/078-05-1120|private/)
  expect(masked).toContain('[SSN]')
  expect(masked).toContain('[NOTES]')
  expect(await answerTo(['support', 'audit'])).toContain('078-05-1120')
})

test('a call that needs an approval waits for it', async () => {
  const client = await clientOf('sam', ['support'])
  expect((await client.request('tools/call', { name: 'export', arguments: { limit: 10 } })).result).toMatchObject({ content: [{ text: 'did export' }] })
  const before = callsOf('export')
  const asked = client.request('tools/call', { name: 'export', arguments: {}, _meta: { progressToken: 'p' } })
  const api = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const token = await gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
    const response = await askApi(gateway.url, token, `approvals${path}`, body)
    return (await response.json()) as Record<string, unknown>
  }
  let waiting: { id: string } | undefined
  while (waiting === undefined) [waiting] = (await api('?state=pending'))['items'] as { id: string }[]
  expect(await api(`/${waiting.id}`)).toMatchObject({ requirements: [{ rule: 'rules/require_approval/bulk', code: 'bulk', reviewers: ['oncall'], quorum: 1 }], reasons: [{ message: 'more than 1000 rows' }] })
  expect(callsOf('export')).toBe(before)
  await api(`/${waiting.id}/approve`, { reason: 'known' })
  expect((await asked).result).toMatchObject({ content: [{ text: 'did export' }] })
})

test('rules beside the source hold too, and what is saved in either is active at once or not at all', async () => {
  await expect(clientOf('eve', ['support'], 'Eve@example.com')).rejects.toThrow(/nobody-else/)
  expect(gateway.gateway.pipeline.status().last_run?.warnings.map(({ code, row }) => [code, row])).toEqual([['rules_unknown_upstream', 3], ['rules_unknown_group', 3]])
  // Nobody vouches for an address of this one: it may be any.
  const nameless = await gateway.token({ subject: 'nameless', groups: ['support'] }, 'stub')
  await expect(connect(gateway.mcp('stub'), nameless, '2025-11-25')).rejects.toThrow(/nobody-else/)

  const ran = async (): Promise<string | undefined> => {
    const before = gateway.gateway.pipeline.status().last_run?.at
    while (gateway.gateway.pipeline.status().last_run?.at === before) await new Promise((resolve) => setImmediate(resolve))
    return gateway.gateway.pipeline.status().last_run?.error
  }
  const active = gateway.gateway.pipeline.status().active?.digest
  const broken = ran()
  gateway.writePolicy('rules.yaml', rules.replace('tools: query', 'tool: query'))
  expect(await broken).toMatch(/rules\.yaml:10:5: deny\[0\]\.tool: [^]*did you mean tools\?/)
  expect(gateway.gateway.pipeline.status().active?.digest).toBe(active)

  const mended = ran()
  gateway.writePolicy('rules.yaml', rules)
  expect(await mended).toBeUndefined()
  const changed = ran()
  writeFileSync(join(gateway.directory, 'extra.yaml'), extra.replace('eve@*', 'mallory@*'))
  expect(await changed).toBeUndefined()
  expect(gateway.gateway.pipeline.status().active?.digest).not.toBe(active)
  expect((await (await clientOf('eve', ['support'])).request('tools/list')).result).toMatchObject({ tools: [{ name: 'query' }, {}, {}] })
})
