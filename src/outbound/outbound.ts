import { isIP } from 'node:net'
import { isInAny, readNetwork } from './address.ts'
import { OutboundError, type Outcome } from './errors.ts'
import { resolveTarget, type Allowed } from './resolve.ts'
import { send, type Tls } from './send.ts'
import type { OutboundSettings } from './settings.ts'
import { readTarget, type Target } from './target.ts'

/** What something is fetched for: a label of the metrics. */
export type Purpose = 'issuer' | 'policy' | 'reports' | 'client_metadata' | 'sign_in' | 'credentials' | 'secrets'

export interface OutboundUse {
  readonly purpose: Purpose
  /** URLs that the operator wrote. Their origins may be inside the network; what others name may not. */
  readonly configured?: readonly string[]
  readonly tls?: Tls | undefined
  /** Bytes of an answer. Default: 1 MiB. */
  readonly largest?: number
  /** Milliseconds for all of it. Default: ten seconds. */
  readonly within?: number
  /** False: bodies stay as they came, packed or not. */
  readonly unpack?: boolean
}

/** Like `fetch`, and narrower: one exchange, no redirects, the body is read before it resolves. Rejects with an `OutboundError`, or as the caller's signal says. */
export type OutboundFetch = (url: string | URL, init?: RequestInit) => Promise<Response>

export interface Outbound {
  fetchFor(use: OutboundUse): OutboundFetch
  /** Where another program is about to go by itself: the addresses that it may go to. */
  addressesOf(url: string | URL, use: OutboundUse): Promise<readonly string[]>
  /** Another thread fetched. */
  count(purpose: Purpose, outcome: Outcome): void
  close(): void
}

export interface OutboundOptions {
  readonly settings: OutboundSettings
  readonly count?: (purpose: Purpose, outcome: Outcome) => void
  /** Name servers, in place of the machine's. */
  readonly servers?: readonly string[]
}

const usualSize = 1024 * 1024
const usualTime = 10_000
/** What the connection or this client says itself. */
const ownHeaders = ['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'upgrade', 'expect', 'te', 'trailer', 'proxy-authorization', 'proxy-connection', 'accept-encoding']

const readAllowed = ({ allow }: OutboundSettings): Allowed => ({
  networks: allow.map(readNetwork).filter(one => one !== undefined),
  hosts: new Set(allow.filter(entry => readNetwork(entry) === undefined)),
})

/** The one way to fetch what an address names that is configured, or that others name: resolved, checked, and connected to as checked. */
export const createOutbound = ({ settings, count = () => undefined, servers }: OutboundOptions): Outbound => {
  const allowed = readAllowed(settings)
  const closing = new AbortController()
  const isListed = (host: string): boolean => allowed.hosts.has(host) || (isIP(host) !== 0 && isInAny(host, allowed.networks))

  const counted = async <T>(purpose: Purpose, work: () => Promise<T>): Promise<T> => {
    try {
      const done = await work()
      count(purpose, 'answered')
      return done
    } catch (fault) {
      count(purpose, fault instanceof OutboundError ? fault.code : 'stopped')
      throw fault
    }
  }
  const bounded = async <T>(within: number, own: AbortSignal | undefined, host: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const deadline = AbortSignal.timeout(within)
    try {
      return await work(AbortSignal.any([deadline, closing.signal, ...(own === undefined ? [] : [own])]))
    } catch (fault) {
      if (fault instanceof OutboundError) throw fault
      own?.throwIfAborted()
      if (closing.signal.aborted) throw new OutboundError('stopped', 'the gateway is shutting down')
      if (deadline.aborted) throw new OutboundError('timeout', `${host}: no answer in time`)
      throw fault
    }
  }
  const targetOf = (url: string | URL, { configured = [] }: OutboundUse): Target => readTarget(url, new Set(configured.map(one => new URL(one).origin)), isListed)

  return {
    fetchFor: use => (url, init = {}) => counted(use.purpose, async () => {
      const target = targetOf(url, use)
      const within = use.within ?? usualTime
      const request = new Request(target.url, { ...init, redirect: 'manual', signal: null })
      const headers = Object.fromEntries([...request.headers].filter(([name]) => !ownHeaders.includes(name)))
      const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
      return bounded(within, init.signal ?? undefined, target.host, async signal => send({
        url: target.url, method: request.method, body, tls: use.tls, signal,
        headers: { 'user-agent': 'sallyport', ...headers, 'accept-encoding': 'identity' },
        addresses: await resolveTarget(target, allowed, signal, servers),
        largest: use.largest ?? usualSize, unpack: use.unpack ?? true, headWithin: within,
      }))
    }),
    addressesOf: (url, use) => counted(use.purpose, () => {
      const target = targetOf(url, use)
      return bounded(use.within ?? usualTime, undefined, target.host, signal => resolveTarget(target, allowed, signal, servers))
    }),
    count,
    close: () => closing.abort(),
  }
}
