// An MCP server that writes every request it gets to a file of its own, synchronously, before it does anything with it.
//   node stub-process.ts JOURNAL DELAY_MS      prints its port
import { openSync, writeSync, constants } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const [journal = '', delay = '0'] = process.argv.slice(2)
const file = openSync(journal, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_DSYNC, 0o600)
const tools = [{ name: 'work', inputSchema: { type: 'object' } }]

function resultOf(method: string, params: Record<string, unknown>): object {
  if (method === 'initialize') return { protocolVersion: params['protocolVersion'], capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } }
  if (method === 'tools/list') return { resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools }
  return { resultType: 'complete', content: [{ type: 'text', text: `did ${(params['arguments'] as { nonce?: string } | undefined)?.nonce}.` }] }
}

const server = http.createServer(async (request, response) => {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  } catch {
    return // cut off by a gateway that was killed: nothing of it was whole
  }
  const body = Buffer.concat(chunks).toString('utf8')
  writeSync(file, `${JSON.stringify({ at: Date.now(), body })}\n`)
  const message = JSON.parse(body)
  if (message.id === undefined) return void response.writeHead(202).end()
  if (message.method === 'tools/call') await wait(Number(delay))
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message.method, message.params ?? {}) }))
})
// It is the gateway that dies here, never an idle connection under a request.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
