import { createRequestStateCodec, fromJsonSchema, McpServer, ResourceTemplate, type ServerContext } from '@modelcontextprotocol/server'
import { randomBytes } from 'node:crypto'
import { askingTools } from './asking-tools.ts'
import type { Args, World } from './fixture.ts'
import { prompts } from './prompts.ts'
import { readTemplate, resources, template } from './resources.ts'
import { tools } from './tools.ts'

// MCP 2026-07-28 basic/patterns/mrtr: what comes back through the client is only trusted where it verifies.
const codec = createRequestStateCodec<Record<string, unknown>>({ key: randomBytes(32) })

/** A server with everything the conformance suites ask for, the same in both eras. */
export function createServer(changed: World['changed']): McpServer {
  const world: World = { seal: (state) => codec.mint(state), changed }
  const server = new McpServer(
    { name: 'conformance-fixture', version: '1.0.0' },
    {
      capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {}, completions: {} },
      requestState: { verify: codec.verify },
    },
  )
  for (const { name, description, input, run } of [...tools, ...askingTools]) {
    const inputSchema = fromJsonSchema<Args>(input ?? { type: 'object', properties: {} })
    server.registerTool(name, { description, inputSchema }, async (args, context) => run(args, context, world))
  }
  for (const { name, description, args, messages } of prompts) {
    if (args === undefined) {
      // Without a schema the SDK hands the context over as the only argument; its types tell of two.
      server.registerPrompt(name, { description }, async (context: unknown) => messages({}, context as ServerContext))
      continue
    }
    const argsSchema = fromJsonSchema<Args>({ type: 'object', properties: Object.fromEntries(args.map((arg) => [arg, { type: 'string' }])), required: [...args] })
    server.registerPrompt(name, { description, argsSchema }, async (given, context) => messages(given, context))
  }
  for (const { name, uri, mimeType, contents } of resources) {
    server.registerResource(name, uri, { mimeType }, async () => ({ contents: [{ uri, mimeType, ...contents }] }))
  }
  server.registerResource(template.name, new ResourceTemplate(template.uriTemplate, { list: undefined }), { mimeType: template.mimeType }, async (uri, { id }) => readTemplate(uri.href, id))

  server.server.setRequestHandler('resources/subscribe', async () => ({}))
  server.server.setRequestHandler('resources/unsubscribe', async () => ({}))
  server.server.setRequestHandler('completion/complete', async ({ params }) => {
    const values = ['test one', 'test two'].filter((value) => value.startsWith(params.argument.value))
    return { completion: { values, total: values.length, hasMore: false } }
  })
  return server
}
