import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isInAny, isLoopbackAddress, reachOf, type Network } from './address.ts'
import { OutboundError, refused } from './errors.ts'
import type { Target } from './target.ts'

export interface Allowed {
  readonly networks: readonly Network[]
  readonly hosts: ReadonlySet<string>
}

/** As the machine resolves names, with its hosts file: for hosts that the operator named. */
const resolveOwn = async (host: string): Promise<readonly string[]> => (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * By DNS alone, for hosts that others named: the machine's own way takes one of four threads for as long as the name's server likes,
 * and whoever names hosts may run that server.
 */
const resolveForeign = async (host: string, servers: readonly string[] | undefined, signal: AbortSignal): Promise<readonly string[]> => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  if (servers !== undefined) resolver.setServers([...servers])
  const stop = (): void => resolver.cancel()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason
    return [v4, v6].flatMap(one => (one.status === 'fulfilled' ? one.value : []))
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const until = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })

/** The addresses of a target, every one of them checked: one that may not be asked rules out all. */
export const resolveTarget = async ({ host, isAddress, isConfigured, url }: Target, allowed: Allowed, signal: AbortSignal, servers?: readonly string[]): Promise<readonly string[]> => {
  signal.throwIfAborted()
  const isOwn = isConfigured || allowed.hosts.has(host)
  const addresses = isAddress ? [host] : await until(isOwn ? resolveOwn(host) : resolveForeign(host, servers, signal), signal).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new OutboundError('unresolved', `${host}: the name has no address`, cause)
  })
  if (addresses.length === 0) throw new OutboundError('unresolved', `${host}: the name has no address`)
  for (const address of addresses) {
    const reach = isIP(address) === 0 ? 'never' : reachOf(address)
    if (reach === 'never') throw refused(`${host}: an address that is never asked`)
    if (reach === 'internal' && !isOwn && !isInAny(address, allowed.networks)) throw refused(`${host}: an address inside this network; outbound.allow can name it`)
    // In the clear only where no wire is.
    if (url.protocol === 'http:' && !isLoopbackAddress(address)) throw refused(`${host}: only https, or a loopback address that the configuration names`)
  }
  return addresses
}
