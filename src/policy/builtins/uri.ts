/** Go's url.Parse, which is neither RFC 3986 to the letter nor what `URL` reads. */
import { isIPv6 } from 'node:net'
import { asText, builtin, noAnswer, orElse, type HostBuiltin } from './builtin.ts'
import { percentDecode } from './encode.ts'
import { objectOf, type Value } from './value.ts'

interface Uri {
  readonly scheme: string
  readonly host: string
  readonly path: string
  readonly rawPath: string
  readonly query: string
  readonly fragment: string
}

function parse(raw: string): Uri {
  const hash = raw.indexOf('#')
  const fragment = hash < 0 ? '' : percentDecode(raw.slice(hash + 1))
  const whole = hash < 0 ? raw : raw.slice(0, hash)
  if (/[\x00-\x1f\x7f]/.test(whole)) noAnswer()
  if (whole === '*') return { scheme: '', host: '', path: '*', rawPath: '*', query: '', fragment }
  const [scheme, afterScheme] = splitScheme(whole)
  const mark = afterScheme.indexOf('?')
  const query = mark < 0 ? '' : afterScheme.slice(mark + 1)
  let rest = mark < 0 ? afterScheme : afterScheme.slice(0, mark)
  const none = { scheme, host: '', path: '', rawPath: '', query, fragment }
  if (!rest.startsWith('/')) {
    if (scheme !== '') return none
    if (rest.split('/', 1)[0]?.includes(':')) noAnswer()
  }
  let host = ''
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2)
    host = hostOf(scheme, slash < 0 ? rest.slice(2) : rest.slice(2, slash))
    rest = slash < 0 ? '' : rest.slice(slash)
  }
  const path = percentDecode(rest)
  return { ...none, host, path, rawPath: rest === escapePath(path) ? path : rest }
}

function splitScheme(whole: string): readonly [scheme: string, rest: string] {
  const found = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(whole)
  if (found !== null) return [(found[1] ?? '').toLowerCase(), whole.slice(found[0].length)]
  return whole.startsWith(':') ? noAnswer() : ['', whole]
}

function escapePath(path: string): string {
  return encodeURI(path.toWellFormed()).replace(/[?#!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('[', '%5B').replaceAll(']', '%5D')
}

const port = /^(?::\d*)?$/

function hostOf(scheme: string, authority: string): string {
  const at = authority.lastIndexOf('@')
  const user = authority.slice(0, Math.max(at, 0))
  if (/[^A-Za-z0-9._:~!$&'()*+,;=%@-]/.test(user) || /%(?![0-9a-fA-F]{2})/.test(user)) noAnswer()
  const host = authority.slice(at + 1)
  const open = host.lastIndexOf('[')
  if (open > 0) noAnswer()
  if (open === 0) return bracketed(host)
  const colon = scheme === 'http' || scheme === 'https' ? host.indexOf(':') : host.lastIndexOf(':')
  if (colon >= 0 && !port.test(host.slice(colon))) noAnswer()
  return unescapeHost(host)
}

function bracketed(host: string): string {
  const close = host.lastIndexOf(']')
  if (close < 0 || !port.test(host.slice(close + 1))) noAnswer()
  const inner = host.slice(1, close)
  const zone = inner.indexOf('%25')
  const address = unescapeHost(zone < 0 ? inner : inner.slice(0, zone))
  const name = zone < 0 ? '' : percentDecode(inner.slice(zone))
  if (!isIPv6(address) || name === '%') noAnswer()
  return `[${address}${name}]${host.slice(close + 1)}`
}

/** Of ASCII only `%25` may be written so in a host. */
function unescapeHost(host: string): string {
  if (/%[0-7]/.test(host.replaceAll('%25', '')) || /[^\x80-\uffff!$&'()*+,;=:[\]<>"A-Za-z0-9._~%-]/.test(host)) noAnswer()
  return percentDecode(host)
}

function partsOf({ scheme, host, path, rawPath, query, fragment }: Uri): Value {
  const [, name = host, number] = /^(.*):(\d*)$/s.exec(host) ?? []
  const hostname = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  const parts = { scheme, hostname, port: number, path, raw_path: path === '' ? '' : rawPath, raw_query: query, fragment }
  return objectOf(Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== undefined && part !== '')))
}

export function isUri(text: string): boolean {
  return text !== '' && orElse(false, () => parse(text) !== undefined) === true
}

/** Go's structure; of addresses with a user, an opaque part or escapes it says more than is kept here. */
export function uriParts(text: string): Value {
  const { scheme, host, path, query, fragment } = parse(text)
  if (/[%@?#]/.test(text) || !text.includes('//')) throw new Error('an address of a rare form')
  const none = { Opaque: '', RawFragment: '', RawPath: '', ForceQuery: false, OmitHost: false, User: null }
  return objectOf({ ...none, Scheme: scheme, Host: host, Path: path, RawQuery: query, Fragment: fragment })
}

export function schemeOf(text: string): string {
  return parse(text).scheme
}

export const uriBuiltins = {
  'uri.parse': builtin(([text]) => partsOf(parse(asText(text)))),
  'uri.is_valid': builtin(([text]) => typeof text === 'string' && isUri(text)),
} satisfies Record<string, HostBuiltin>
