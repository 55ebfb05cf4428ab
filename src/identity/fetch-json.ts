import { isConfidential } from '../loopback.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>
export interface Fetched {
  readonly body: unknown
  /** Seconds of `Cache-Control: max-age`, if it was given. */
  readonly maxAge: number | undefined
}

const timeoutMs = 10_000
const largest = 1024 * 1024

const readText = async (response: Response): Promise<string> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > largest) throw new Error(`an answer of more than ${largest} bytes`)
    parts.push(part)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts))
}

/** JSON from an issuer: over TLS or on loopback, without redirects, bounded in time and size. Throws when it cannot be had. */
export const fetchJson = async (fetch: Fetch, url: string): Promise<Fetched> => {
  if (!isConfidential(new URL(url))) throw new Error('an address that is neither https nor loopback')
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs), headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`status ${response.status}`)
  }
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(response.headers.get('cache-control') ?? '') ?? []
  return { body: JSON.parse(await readText(response)), maxAge: seconds === undefined ? undefined : Number(seconds) }
}
