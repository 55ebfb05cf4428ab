import { isObject } from '../../exact-json.ts'
import { isConfidential } from '../../loopback.ts'
import type { Fetch } from '../../model.ts'
import { NotConnectable } from './server.ts'

export interface Registered {
  readonly id: string
  readonly secret: string | undefined
  /** Milliseconds since the epoch. */
  readonly until: number | undefined
}

/** RFC 7591 section 3.2.1. Many servers leave out `client_secret_expires_at`: then the secret is good until it is refused. */
export async function register(endpoint: string, metadata: object, fetch: Fetch): Promise<Registered> {
  const url = URL.parse(endpoint)
  if (url === null || !isConfidential(url)) throw new NotConnectable('the authorization server names no good address to register at')
  const response = await fetch(url.href, { method: 'POST', redirect: 'manual', headers: { accept: 'application/json', 'content-type': 'application/json' }, body: JSON.stringify(metadata) })
  const text = await response.text()
  if (response.status >= 400 && response.status < 500) throw new NotConnectable('the authorization server does not let the gateway register itself: credentials.client_id must name a client')
  if (response.status !== 201 && response.status !== 200) throw new Error(`a registration was answered with ${response.status}`)
  const body: unknown = JSON.parse(text)
  const { client_id: id, client_secret: secret, client_secret_expires_at: until } = isObject(body) ? body : {}
  if (typeof id !== 'string' || id === '' || (secret !== undefined && typeof secret !== 'string')) throw new Error('a registration was answered without a client')
  return { id, secret, until: typeof until === 'number' && until > 0 ? until * 1000 : undefined }
}
