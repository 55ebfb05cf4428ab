/** The formats that OPA's library checks; every other one is met by everything. */
import { isIP } from 'node:net'
import type { Charge } from '../builtin.ts'
import { parseTime } from '../layout-parse.ts'
import { rfc3339 } from '../layout.ts'
import { compilePattern } from '../regex.ts'
import { isUri, schemeOf } from '../uri.ts'

const isTime = (...layouts: readonly string[]) => (text: string): boolean => layouts.some((layout) => parseTime(layout, text) !== undefined)
const isReference = (text: string): boolean => (text === '' || isUri(text)) && !text.includes('\\')
const isAbsolute = (text: string): boolean => isReference(text) && schemeOf(text) !== ''
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const hostname = new RegExp(`^${label}(?:\\.${label})*$`)
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x80-\\uffff-]+"
const plainAddress = new RegExp(`^${atom}(?:\\.${atom})*@${atom}(?:\\.${atom})*$`)

/** Go reads names, comments and quotes too (RFC 5322): rather no answer than another one. */
function isAddress(text: string): boolean {
  if (/["()<>[\]\s\\,:;]/.test(text)) throw new Error('an e-mail address with more than its two parts')
  return plainAddress.test(text)
}

const isClosed = (path: string): boolean => path.lastIndexOf('{') <= path.lastIndexOf('}')

type Check = (text: string, charge: Charge) => boolean

const pointer = /^(?:\/(?:[^~/]|~0|~1)*)*$/
const checks: Readonly<Record<string, Check>> = {
  date: isTime('2006-01-02'),
  time: isTime('15:04:05Z07:00', '15:04:05'),
  'date-time': isTime('15:04:05', '15:04:05Z07:00', '2006-01-02', rfc3339),
  hostname: (text) => text.length < 256 && hostname.test(text),
  email: isAddress,
  'idn-email': isAddress,
  ipv4: (text) => !text.includes('%') && isIP(text) !== 0 && text.includes('.'),
  ipv6: (text) => !text.includes('%') && isIP(text) === 6,
  uri: isAbsolute,
  iri: isAbsolute,
  'uri-reference': isReference,
  'iri-reference': isReference,
  'uri-template': (text) => isReference(text) && isClosed(text.split(/[?#]/, 1)[0] ?? ''),
  uuid: (text) => /^[a-f0-9]{8}-(?:[a-f0-9]{4}-){3}[a-f0-9]{12}$/i.test(text),
  regex: (text, charge) => text === '' || compilePattern(text, charge) !== undefined,
  'json-pointer': (text) => pointer.test(text),
  'relative-json-pointer': (text) => /^(?:0|[1-9]\d*)(?:#$|\/|$)/.test(text) && pointer.test(text.replace(/^\d+#?/, '')),
}

export function hasFormat(format: string, text: string, charge: Charge): boolean {
  charge(20 * text.length)
  return !Object.hasOwn(checks, format) || (checks[format]?.(text, charge) ?? true)
}
