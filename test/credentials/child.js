// A server over stdio that tells how long its secret is.
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) continue
  const result = method === 'initialize'
    ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'child', version: '1' } }
    : method === 'tools/list' ? { tools: [{ name: 'digest', inputSchema: { type: 'object' } }] } : { content: [{ type: 'text', text: `${process.env.TOKEN.length} signs` }] }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}
