// A client of the tasks extension, in a process of its own (in Jest's, objects are of another realm than the ones it checks):
// calls the tool `change`, waits for the task that may come of it, and prints the result.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createTaskSessionFromClient, resultFromTaskOutcome, type RawClientDispatch } from '@modelcontextprotocol/ext-tasks/client'

const [url = '', token = ''] = process.argv.slice(2)
const info = { name: 'tasks', version: '1.0.0' }
const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const headers = { authorization: `Bearer ${token}` }
const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities })
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }))

let id = 100
const rawDispatch: RawClientDispatch = async (request) => {
  const { method, params } = request as unknown as { method: string; params: { name?: string; taskId?: string } }
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': String(params.taskId ?? params.name) },
    body: JSON.stringify({ ...(request as object), jsonrpc: '2.0', id: (id += 1) }),
  })
  const { result, error } = (await response.json()) as { result?: never; error?: never }
  return error === undefined ? { kind: 'result', result: result as never } : { kind: 'error', error }
}
const session = createTaskSessionFromClient(client, { endpointId: 'stub', rawDispatch, v2RequestFraming: { protocolVersion: '2026-07-28', clientInfo: info, clientCapabilities: capabilities } })
const execution = await session.callTool('change', { to: 7 })
console.log(JSON.stringify({ kind: execution.kind }))
const { outcome } = await execution.settle()
console.log(JSON.stringify(resultFromTaskOutcome(outcome)))
await session.close()
await client.close()
