import http from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { modernHeaders, modernText, refusalIn } from '../../test/campaigns/client.ts'

/** One call and every byte that came back for it. */
export interface Call {
  readonly nonce: string
  readonly startedAt: number
  status: number | undefined
  retryAfter: string | undefined
  body: string
  /** What went wrong on the way, if anything did. */
  trouble: string | undefined
  /** Milliseconds, once it is over. */
  took: number | undefined
}
export interface Caller {
  /** Every call that was begun, in order. */
  readonly calls: readonly Call[]
  call(): Promise<Call>
  /** So many calls a second, whatever becomes of them, until it is told to stop or `atMost` are open. Resolves when all are over. */
  load(perSecond: number, until: AbortSignal, atMost?: number): Promise<void>
  /** The same for as long as something else goes on, however that ends; what it came to, once all calls are over. */
  loadDuring<T>(perSecond: number, what: () => Promise<T>, atMost?: number): Promise<T>
  close(): void
}

/** Calls the tool `work`, each time as the next of its people and with a nonce of its own that the server gives back. */
export function createCaller(url: string, tokens: readonly string[], prefix: string): Caller {
  const agent = new http.Agent({ keepAlive: true })
  const { hostname, port, pathname } = new URL(url)
  const calls: Call[] = []

  const call = (): Promise<Call> => {
    const index = calls.length
    const made: Call = { nonce: `${prefix}q${index}`, startedAt: Date.now(), status: undefined, retryAfter: undefined, body: '', trouble: undefined, took: undefined }
    calls.push(made)
    const text = modernText(index, 'tools/call', `"name":"work","arguments":{"nonce":"${made.nonce}"}`)
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${tokens[index % tokens.length]}`, ...modernHeaders('tools/call', 'work'), 'content-length': Buffer.byteLength(text) }
    const started = performance.now()
    return new Promise((resolve) => {
      const over = (error?: Error) => {
        made.trouble ??= error?.message
        made.took ??= performance.now() - started
        resolve(made)
      }
      const request = http.request({ agent, hostname, port, path: pathname, method: 'POST', headers }, (response) => {
        made.status = response.statusCode
        made.retryAfter = response.headers['retry-after']
        response.setEncoding('utf8').on('data', (chunk: string) => void (made.body += chunk)).on('error', over).on('close', () => over())
      })
      request.on('error', over)
      request.end(text)
    })
  }

  async function load(perSecond: number, until: AbortSignal, atMost = 1_000): Promise<void> {
    const open = new Set<Promise<Call>>()
    const began = performance.now()
    for (let sent = 0; !until.aborted; ) {
      const due = Math.floor(((performance.now() - began) / 1_000) * perSecond)
      for (; sent < due; sent += 1) {
        if (open.size >= atMost) continue
        const one = call()
        open.add(one)
        void one.then(() => open.delete(one))
      }
      await wait(2)
    }
    await Promise.all(open)
  }

  return {
    calls, call, load,
    async loadDuring(perSecond, what, atMost) {
      const stop = new AbortController()
      const over = load(perSecond, stop.signal, atMost)
      try {
        return await what()
      } finally {
        stop.abort()
        await over
      }
    },
    close: () => agent.destroy(),
  }
}

/** What a call came to, as far as its caller can tell: `odd` is a whole answer that is none of the others. */
export type Fate = 'answered' | 'refused' | 'withheld' | 'unreached' | 'lost' | 'odd'
export function fateOf({ nonce, status = 0, body }: Call): Fate {
  if (body.includes(`did ${nonce}.`)) return 'answered'
  const refusal = refusalIn({ status, body })
  if (refusal !== undefined) return refusal === 'not executed' ? 'refused' : refusal
  return isWhole(body) ? 'odd' : 'lost'
}

function isWhole(body: string): boolean {
  try {
    JSON.parse(body)
    return true
  } catch {
    return false // cut off
  }
}

/** Until the load flows: a crash before anything was answered shows little. */
export async function flows({ calls }: Caller): Promise<void> {
  const until = performance.now() + 20_000
  while (performance.now() < until && calls.filter((call) => fateOf(call) === 'answered').length < 50) await wait(20)
}
