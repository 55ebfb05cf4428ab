import http, { type ClientRequest } from 'node:http'
import { modernHeaders, modernText } from '../../test/campaigns/client.ts'

export interface Streams {
  /** Events that came so far. */
  readonly events: number
  /** Streams that ended though nobody closed them: the last that was heard of each. */
  readonly lost: readonly string[]
  /** How often a stream was refused by a gateway that was full. */
  readonly shed: number
  close(): void
}

const open = (url: string, token: string, name: string): ClientRequest => {
  const { hostname, port, pathname } = new URL(url)
  const text = modernText(1, 'tools/call', `"name":"${name}","arguments":{}`)
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...modernHeaders('tools/call', name), 'content-length': Buffer.byteLength(text) }
  const request = http.request({ agent: false, hostname, port, path: pathname, method: 'POST', headers })
  request.on('error', () => undefined)
  request.end(text)
  return request
}

/** Streams with an event a second each. One that is lost is counted and opened anew. */
export function openTicking(url: string, tokens: readonly string[], count: number): Streams {
  const requests = new Set<ClientRequest>()
  const seen = { events: 0, lost: [] as string[], shed: 0, closed: false }
  const begin = (at: number) => {
    if (seen.closed) return
    const request = open(url, tokens[at % tokens.length] ?? '', 'ticks')
    requests.add(request)
    let last = 'nothing'
    request.on('error', (error) => (last = error.message))
    request.on('response', (response) =>
      response.on('data', (chunk: Buffer) => {
        seen.events += chunk.includes('data:') ? 1 : 0
        last = `${response.statusCode} ${chunk.toString('utf8')}`
      }))
    request.once('close', () => {
      requests.delete(request)
      if (seen.closed) return
      if (last.startsWith('503 ')) seen.shed += 1
      else seen.lost.push(last)
      setTimeout(begin, 1_000, at)
    })
  }
  for (let at = 0; at < count; at += 1) setTimeout(begin, at * 10, at)
  return {
    get events() {
      return seen.events
    },
    get lost() {
      return seen.lost
    },
    get shed() {
      return seen.shed
    },
    close() {
      seen.closed = true
      for (const request of requests) request.destroy()
    },
  }
}

const stalledFor = 75_000

/** Readers that ask for as much as there is and read none of it; each begins anew long after it should have been cut off. */
export function openStalled(url: string, tokens: readonly string[], count: number): { close(): void } {
  let requests: ClientRequest[] = []
  const begin = () => {
    for (const request of requests) request.destroy()
    requests = Array.from({ length: count }, (_, at) => open(url, tokens[at % tokens.length] ?? '', 'flood').on('response', (response) => void response.pause()))
  }
  begin()
  const timer = setInterval(begin, stalledFor)
  return {
    close() {
      clearInterval(timer)
      for (const request of requests) request.destroy()
    },
  }
}
