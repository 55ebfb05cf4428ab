import { readEvents } from './events.ts'

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}
/** A client of HTTP+SSE that shows everything that comes. */
export interface SseClient {
  /** Where the gateway said that messages go. */
  readonly endpoint: string
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Posts a request and waits for its answer on the stream. */
  request(id: number, method: string, params?: unknown): Promise<Message>
  /** The first message that fits, now or later. */
  until(fits: (message: Message) => boolean): Promise<Message>
  readonly seen: readonly Message[]
  readonly ended: Promise<void>
  leave(): void
}

export async function openSse(url: string, token: string, revision = '2025-06-18', capabilities: unknown = {}): Promise<SseClient> {
  const client = await openStream(url, token)
  const answer = await client.request(0, 'initialize', { protocolVersion: revision, capabilities, clientInfo: { name: 'plain', version: '1' } })
  if (answer.error !== undefined) throw new Error(JSON.stringify(answer))
  const { status } = await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  if (status !== 202) throw new Error(`expected 202, got ${status}`)
  return client
}

/** The stream alone: nobody was greeted. */
export async function openStream(url: string, token: string): Promise<SseClient> {
  const authorization = `Bearer ${token}`
  const abort = new AbortController()
  const response = await fetch(url, { headers: { authorization, accept: 'text/event-stream' }, signal: abort.signal })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const events = readEvents(response) as AsyncGenerator<{ event?: string; data: string }>
  const { event, data } = (await events.next()).value ?? {}
  if (event !== 'endpoint' || data === undefined) throw new Error(`expected an endpoint, got ${event}: ${data}`)
  const endpoint = new URL(data, url).href
  const seen: Message[] = []
  const waiting = new Set<() => void>()
  const tell = () => waiting.forEach((look) => look())
  const ended = (async () => {
    for await (const each of events) {
      if (each.event !== 'message') throw new Error(`expected a message, got ${each.event}`)
      seen.push(JSON.parse(each.data))
      tell()
    }
  })().catch(() => undefined)
  const until: SseClient['until'] = (fits) =>
    new Promise((resolve) => {
      const look = () => {
        const found = seen.find(fits)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  const post: SseClient['post'] = (body, headers = {}) =>
    fetch(endpoint, { method: 'POST', headers: { authorization, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
  return {
    endpoint, post, until, seen, ended,
    leave: () => abort.abort(),
    async request(id, method, params) {
      const response = await post({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) })
      if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
      return until((message) => message.id === id && message.method === undefined)
    },
  }
}
