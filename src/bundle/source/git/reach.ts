import { isIP } from 'node:net'
import type { GitPlace, GitResult } from './run.ts'

/** What git must be told so that it goes where was looked, or why it may not go. */
export type Reach = () => Promise<{ readonly ok: true; readonly config: readonly string[] } | Extract<GitResult, { ok: false }>>

/** Of `https://HOST/PATH`, `ssh://USER@HOST/PATH` and `USER@HOST:PATH`. */
const originOf = (address: string, transport: GitPlace['transport']): string => {
  if (transport !== 'ssh') return new URL(address).origin
  const [, host = ''] = /^ssh:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)/.exec(address) ?? /^[^@]*@([^:]+):/.exec(address) ?? []
  return `https://${host}`
}

const bracketed = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address)

/** The host is looked up and checked before git goes there by itself. curl connects to what was checked; ssh looks again, and trusts no host by its address. */
export const createReach = (url: string, transport: GitPlace['transport'], addressesOf: ((origin: string) => Promise<readonly string[]>) | undefined): Reach => {
  if (transport === 'file') return async () => ({ ok: true, config: [] })
  if (addressesOf === undefined) return async () => ({ ok: false, why: 'failed', said: 'may not be asked: nobody looks where it is' })
  const origin = originOf(url, transport)
  return async () => {
    try {
      const addresses = await addressesOf(origin)
      const { protocol, hostname, port } = new URL(origin)
      if (transport === 'ssh' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return { ok: true, config: [] }
      return { ok: true, config: [`http.curloptResolve=${hostname}:${port || (protocol === 'https:' ? 443 : 80)}:${addresses.map(bracketed).join(',')}`] }
    } catch (fault) {
      const { code, message } = fault as NodeJS.ErrnoException
      return { ok: false, why: code === 'timeout' || code === 'stopped' ? code : 'failed', said: code === 'refused' ? `may not be asked: ${message}` : `Could not resolve: ${message}` }
    }
  }
}
