import type { Fetch } from '../model.ts'

export interface Fetched {
  readonly body: unknown
  /** Seconds of `Cache-Control: max-age`, if it was given. */
  readonly maxAge: number | undefined
}

/** JSON from an issuer. Throws when it cannot be had. */
export const fetchJson = async (fetch: Fetch, url: string): Promise<Fetched> => {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(response.headers.get('cache-control') ?? '') ?? []
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await response.arrayBuffer())
  return { body: JSON.parse(text), maxAge: seconds === undefined ? undefined : Number(seconds) }
}
