import { McpServer, ResourceTemplate, type CallToolResult } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { messageOf } from '../errors.ts'
import type { CrmDatabase, Row } from './crm-database.ts'

const cell = z.union([z.string(), z.number(), z.null()])
const row = z.record(z.string(), cell)
const customerId = z.int().min(1)

/** MCP 2025-06-18 server/tools "Structured Content": the same as text, for clients that do not read it. */
const both = (content: Record<string, unknown>): CallToolResult => ({ structuredContent: content, content: [{ type: 'text', text: JSON.stringify(content) }] })
const failed = (text: string): CallToolResult => ({ isError: true, content: [{ type: 'text', text }] })

function attempt(work: () => CallToolResult): CallToolResult {
  try {
    return work()
  } catch (error) {
    return failed(messageOf(error))
  }
}

const csvCell = (value: unknown): string => {
  const text = String(value ?? '')
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
const toCsv = (rows: readonly Row[]): string => {
  const names = Object.keys(rows[0] ?? {})
  return [names.join(','), ...rows.map((each) => names.map((name) => csvCell(each[name])).join(','))].join('\n')
}
const exported = ({ id, name, email, company, city, plan, ssn, card_number }: Row) =>
  ({ id, name, email, company, city, plan, ssn, card_number }) as Row

/** The server of one connection; the database is everybody's. */
export function createCrm(db: CrmDatabase): McpServer {
  const server = new McpServer(
    { name: 'demo-crm', title: 'Demo CRM', version: '1.0.0' },
    { instructions: 'Customers of an invented company. Read with list_customers, get_customer and query; export_customers is for many at once.' },
  )
  addReadingTools(server, db)
  addPowerfulTools(server, db)
  addPromptAndResources(server, db)
  return server
}

function addReadingTools(server: McpServer, db: CrmDatabase): void {
  server.registerTool('query', {
    title: 'SQL query',
    description: 'Runs one SQL statement on the table customers and returns its rows.',
    inputSchema: z.object({ sql: z.string().describe('for example: SELECT name, plan FROM customers LIMIT 5') }),
    outputSchema: z.object({ rows: z.array(row), row_count: z.int(), truncated: z.boolean() }),
    annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
  }, ({ sql }) => attempt(() => both({ ...db.run(sql) })))

  server.registerTool('list_customers', {
    title: 'List customers',
    description: 'Lists customers by id, a page at a time.',
    inputSchema: z.object({ limit: z.int().min(1).max(100).default(10), offset: z.int().min(0).default(0) }),
    outputSchema: z.object({ customers: z.array(row), total: z.int() }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  }, ({ limit, offset }) => attempt(() => both({ customers: db.list(limit, offset), total: db.count() })))

  server.registerTool('get_customer', {
    title: 'One customer',
    description: 'Returns one customer with all details.',
    inputSchema: z.object({ id: customerId }),
    outputSchema: z.object({ customer: row }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  }, ({ id }) => attempt(() => {
    const customer = db.get(id)
    return customer === undefined ? failed(`there is no customer ${id}`) : both({ customer })
  }))
}

function addPowerfulTools(server: McpServer, db: CrmDatabase): void {
  server.registerTool('export_customers', {
    title: 'Export customers',
    description: 'Exports many customers at once, as JSON or CSV.',
    inputSchema: z.object({ limit: z.int().min(1).max(5000), format: z.enum(['json', 'csv']).default('json') }),
    outputSchema: z.object({ format: z.enum(['json', 'csv']), count: z.int(), customers: z.array(row).optional(), csv: z.string().optional() }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  }, ({ limit, format }) => attempt(() => {
    const rows = db.list(limit, 0).map(exported)
    return both({ format, count: rows.length, ...(format === 'json' ? { customers: rows } : { csv: toCsv(rows) }) })
  }))

  server.registerTool('alter_schema', {
    title: 'Change the schema',
    description: 'Carries out statements that change the schema, such as ALTER TABLE.',
    inputSchema: z.object({ sql: z.string() }),
    outputSchema: z.object({ done: z.boolean(), schema: z.string() }),
    annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
  }, ({ sql }) => attempt(() => {
    db.run(sql)
    return both({ done: true, schema: db.schema() })
  }))
}

function addPromptAndResources(server: McpServer, db: CrmDatabase): void {
  server.registerPrompt('summarise_customer', {
    title: 'Summarise a customer',
    description: 'A prompt with everything known about one customer.',
    argsSchema: z.object({ id: z.string().regex(/^\d{1,9}$/).describe('the id of the customer') }),
  }, ({ id }) => ({
    messages: [{
      role: 'user',
      content: { type: 'text', text: `Summarise this customer in three sentences for a colleague in support:\n${JSON.stringify(db.get(Number(id)) ?? null)}` },
    }],
  }))

  server.registerResource('schema', 'crm://schema', { title: 'Schema', description: 'The tables, as SQL.', mimeType: 'application/sql' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'application/sql', text: db.schema() }] }))

  const byId = new ResourceTemplate('crm://customers/{id}', {
    list: undefined,
    complete: { id: (value) => db.list(5000, 0).map(({ id }) => String(id)).filter((id) => id.startsWith(value)).slice(0, 20) },
  })
  server.registerResource('customer', byId, { title: 'Customer', description: 'One customer as JSON.', mimeType: 'application/json' },
    (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(db.get(Number(id)) ?? null) }] }))
}
