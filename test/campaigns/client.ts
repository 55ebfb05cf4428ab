import http from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
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

/** What a gateway says that could not pass a message on, or its answer back: nobody's answer, and honest on a machine with much else to do. */
export type Refusal = 'not executed' | 'withheld' | 'unreached'
export function refusalIn({ status, body }: Reply): Refusal | undefined {
  if (status === 408) return 'not executed' // it could not be read in time
  if (status !== 503 && status !== 502) return undefined
  const { code, data } = errorIn(body) ?? {}
  if (status === 502) return code === -33003 ? 'unreached' : undefined
  if (code !== -33002) return undefined
  return data?.executed === true ? 'withheld' : 'not executed'
}
function errorIn(body: string): { readonly code?: number; readonly data?: { readonly executed?: boolean } } | undefined {
  try {
    return JSON.parse(body).error
  } catch {
    return undefined
  }
}

const mostTries = 60
/** Does again what was told not to have been done, or was cut off: a gateway that had done it all the same shows by what its server got. */
export async function patiently<T>(attempt: () => Promise<T>, isRefused: (outcome: T) => boolean = () => false): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      const outcome = await attempt()
      if (tries === mostTries || !isRefused(outcome)) return outcome
    } catch (error) {
      if (tries === mostTries) throw error
    }
    await wait(Math.min(tries * 20, 1_000))
  }
}
export const isNotExecuted = (reply: Reply): boolean => refusalIn(reply) === 'not executed'

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
