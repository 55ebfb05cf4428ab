import { isIP } from 'node:net'
import { isLoopback } from '../loopback.ts'
import { refused } from './errors.ts'
import { isHostName } from './settings.ts'

/** An address that may be asked, if what its host turns out to be may. */
export interface Target {
  readonly url: URL
  /** Without brackets. */
  readonly host: string
  readonly isAddress: boolean
  /** The operator wrote this origin. */
  readonly isConfigured: boolean
}

const firstUnprivileged = 1024

/** The host of a URL as it is spelt there after parsing: every number is an address in its usual form by then (WHATWG URL section 3.5). */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

const parse = (text: string | URL): URL => {
  const url = URL.parse(String(text))
  if (url === null || !['https:', 'http:'].includes(url.protocol)) throw refused('an address that is no https URL')
  if (url.username !== '' || url.password !== '') throw refused('an address with a user or password in it')
  return url
}

/** Reads what is to be fetched; throws where its text alone rules it out. `origins` are those the operator wrote. */
export const readTarget = (text: string | URL, origins: ReadonlySet<string>, mayBeLocal: (host: string) => boolean): Target => {
  const url = parse(text)
  const host = hostOf(url)
  const isConfigured = origins.has(url.origin)
  const isAddress = isIP(host) !== 0
  // A dot at the end is another name to a certificate and the same to a resolver.
  if (!isAddress && !isHostName(host)) throw refused('an address whose host is no host name')
  if (url.protocol === 'http:' && !(isLoopback(host) && (isConfigured || mayBeLocal(host)))) throw refused(`${host}: only https, or a loopback address that the configuration names`)
  if (!isConfigured) {
    const port = url.port === '' ? 443 : Number(url.port)
    if (port !== 443 && port < firstUnprivileged) throw refused(`${host}: port ${port} is for something else`)
    // Such a name means whatever the search list of this machine makes of it.
    if (!isAddress && !host.includes('.') && !mayBeLocal(host)) throw refused(`${host}: a name without a domain`)
  }
  return { url, host, isAddress, isConfigured }
}
