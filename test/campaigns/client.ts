import http from 'node:http'
import { modernMeta } from '../support/gateway.ts'

export interface Reply {
  readonly status: number
  readonly body: string
}
export interface Sender {
  send(body: string, headers: Readonly<Record<string, string>>): Promise<Reply>
  close(): void
}

/** Raw bytes over kept-alive sockets: what is sent is exactly the text given. */
export function createSender(url: string, token: string): Sender {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const { hostname, port, pathname } = new URL(url)
  return {
    send: (body, headers) =>
      new Promise((resolve, reject) => {
        const all = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...headers, 'content-length': Buffer.byteLength(body) }
        const request = http.request({ agent, hostname, port, path: pathname, method: 'POST', headers: all }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }))
          response.on('error', reject)
        })
        request.on('error', reject)
        request.end(body)
      }),
    close: () => agent.destroy(),
  }
}

const meta = JSON.stringify(modernMeta)
export const modernText = (id: number, method: string, params: string) => `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":{${params}${params === '' ? '' : ','}"_meta":${meta}}}`
export const modernHeaders = (method: string, name?: string) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) })

/** Runs `count` jobs, `width` at a time. */
export async function inParallel(count: number, width: number, job: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await job(next++)
    }),
  )
}
