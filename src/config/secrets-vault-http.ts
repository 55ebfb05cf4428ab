import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Agent, request } from 'undici'
import type { VaultSource } from '../fields.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}
export type Ask = (source: VaultSource, method: 'GET' | 'POST', path: string, token?: string, content?: object) => Promise<Answer>

const patience = 10_000
const largest = 1024 * 1024

export const at = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? (inner as Record<string, unknown>)[key] : undefined), value)

export const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

/** One request at a time, over connections that are kept by the authority that vouches for the server. */
export function createVaultHttp(directory: string): { readonly ask: Ask; close(): Promise<void> } {
  const agents = new Map<string, Agent>()

  const agentOf = async ({ ca }: VaultSource): Promise<Agent> => {
    const pem = ca === undefined ? undefined : await readFile(resolve(directory, ca.file), 'utf8')
    const known = agents.get(pem ?? '') ?? new Agent({ connect: { timeout: patience, minVersion: 'TLSv1.2', ...(pem === undefined ? {} : { ca: pem }) }, keepAliveTimeout: 4000 })
    agents.set(pem ?? '', known)
    return known
  }
  // A redirect is not followed: it could carry the token elsewhere.
  const ask: Ask = async (source, method, path, token, content) => {
    const answer = await request(`${source.address.replace(/\/+$/, '')}/v1/${path}`, {
      method, dispatcher: await agentOf(source), headersTimeout: patience, bodyTimeout: patience, signal: AbortSignal.timeout(patience),
      headers: {
        'x-vault-request': 'true',
        ...(token === undefined ? {} : { 'x-vault-token': token }),
        ...(source.namespace === undefined ? {} : { 'x-vault-namespace': source.namespace }),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    })
    const parts: Buffer[] = []
    let size = 0
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      if ((size += part.length) > largest) throw new Error('an answer that is too long')
      parts.push(part)
    }
    const text = Buffer.concat(parts).toString('utf8')
    return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) }
  }

  return {
    ask,
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.close()))
      agents.clear()
    },
  }
}
