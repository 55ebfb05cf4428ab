import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createDetectors } from '../../src/detect/index.ts'
import { type CrmServer, startCrmServer } from '../../src/demo/crm-server.ts'
import { luhnDigit, makeCustomers } from '../../src/demo/customers.ts'

const token = 'crm-credential'
const headers = { authorization: `Bearer ${token}` }
let crm: CrmServer

beforeEach(async () => {
  crm = await startCrmServer({ token, customers: 60 })
})
afterEach(async () => {
  await crm.close()
})

async function connect(): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(crm.url), { requestInit: { headers } }))
  return client
}
const call = (client: Client, name: string, args: Record<string, unknown>) => client.callTool({ name, arguments: args })

test('every start has the same customers, with cards that are valid and numbers that look real', () => {
  const customers = makeCustomers(500)
  expect(makeCustomers(500)).toEqual(customers)
  for (const { card_number, ssn, api_key } of customers) {
    expect(luhnDigit(card_number.slice(0, -1))).toBe(card_number.slice(-1))
    expect(card_number).toHaveLength(16)
    expect(ssn).toMatch(/^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/)
    expect(api_key).toMatch(/^sk_test_[A-Za-z0-9]{24}$/)
  }
  expect(new Set(customers.map(({ email }) => email)).size).toBe(500)
})

test('nobody without the credential gets in', async () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const post = (extra: Record<string, string>) => fetch(crm.url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...extra } })
  expect((await post({})).status).toBe(401)
  expect((await post({ authorization: 'Bearer other' })).status).toBe(401)
  expect((await post({ ...headers, origin: 'https://evil.example' })).status).toBe(403)
})

test('a legacy client sees tools, prompts and resources, and gets structured answers with the same text', async () => {
  const client = await connect()
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual(['query', 'list_customers', 'get_customer', 'export_customers', 'alter_schema'])
  expect(tools.every(({ outputSchema }) => outputSchema !== undefined)).toBe(true)
  const answer = await call(client, 'get_customer', { id: 7 })
  expect(answer.structuredContent).toMatchObject({ customer: { id: 7 } })
  expect(JSON.parse((answer.content as { text: string }[])[0]!.text)).toEqual(answer.structuredContent)
  expect((await client.getPrompt({ name: 'summarise_customer', arguments: { id: '3' } })).messages).toHaveLength(1)
  expect((await client.readResource({ uri: 'crm://customers/3' })).contents[0]).toMatchObject({ mimeType: 'application/json' })
  expect((await client.listResourceTemplates()).resourceTemplates[0]!.uriTemplate).toBe('crm://customers/{id}')
  await client.close()
})

test('a modern client is served by the same tools', async () => {
  const client = new ModernClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new ModernTransport(new URL(crm.url), { requestInit: { headers } }))
  expect(client.getProtocolEra()).toBe('modern')
  const answer = await client.callTool({ name: 'list_customers', arguments: { limit: 2 } })
  expect(answer.structuredContent).toMatchObject({ total: 60, customers: [{ id: 1 }, { id: 2 }] })
  await client.close()
})

test('a DROP really drops, for everybody', async () => {
  const [one, other] = [await connect(), await connect()]
  await call(one, 'query', { sql: 'DROP TABLE customers' })
  const answer = await call(other, 'query', { sql: 'SELECT count(*) FROM customers' })
  expect(answer.isError).toBe(true)
  expect(JSON.stringify(answer.content)).toContain('no such table')
  await one.close()
  await other.close()
})

test('an export and a customer have what the detectors look for', async () => {
  const client = await connect()
  const answer = await call(client, 'export_customers', { limit: 60, format: 'csv' })
  const { csv } = answer.structuredContent as { csv: string }
  expect(csv.split('\n')).toHaveLength(61)
  const { find } = createDetectors({})
  const counts = Object.fromEntries(find(csv).map(({ detector, spans }) => [detector, spans.length]))
  expect(counts).toMatchObject({ card_number: 60, us_ssn: 60, email: 60 })
  const { text } = ((await call(client, 'get_customer', { id: 1 })).content as { text: string }[])[0]!
  expect(find(text).map(({ detector }) => detector)).toContain('api_key')
  await client.close()
})
