import { isLoopback } from '../loopback.ts'

// What a browser would run or open by itself is no app's own scheme (RFC 8252 section 7.1, RFC 9700 section 2.1).
const neverApps = /^(?:javascript|vbscript|data|blob|file|filesystem|about|view-source|ftp|ws|wss|chrome|resource|jar|mailto|tel|sms|intent|content):/i

// A URL's host may hold signs that mean something in a header, where the page that asks names it (WHATWG URL section 3.5).
const plainHost = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

/** Whether people may be sent back there: https, plain http to their own machine, or an app's own scheme. */
export const isRedirectable = (text: string): boolean => {
  const url = URL.parse(text)
  if (url === null || text.length > 2048 || /[\s\\<>"]/.test(text) || text.includes('#') || url.username !== '' || url.password !== '' || text.includes('*')) return false
  if (url.protocol === 'https:') return plainHost.test(url.hostname)
  if (url.protocol === 'http:') return isLoopback(url.hostname)
  return !neverApps.test(text) && /^[a-z][a-z0-9+.-]+:/i.test(text)
}

/** Whether any program of that machine could receive what is sent there. */
export const isLocal = (text: string): boolean => {
  const url = URL.parse(text)
  return url === null || url.protocol !== 'https:'
}

/** Whereto, in words for the person who is asked. */
export const placeOf = (text: string): string => {
  const url = URL.parse(text)
  if (url === null) return text
  if (url.protocol === 'https:') return url.host
  return url.protocol === 'http:' ? `a program on your own computer (${url.host})` : `the app that opens ${url.protocol}// addresses on your computer`
}
