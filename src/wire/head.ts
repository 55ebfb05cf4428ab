import type { Revision } from '../model.ts'
import { eraOf, isRevision, served } from './methods.ts'
import { HEADER_MISMATCH, INVALID_REQUEST, refuse, TRANSPORT } from './refusal.ts'
import type { WireRefusal } from './refusal.ts'

export interface Head {
  /** The one value of a header, without the white space around it. */
  get(name: string): string | undefined
}
export type HeadReading = { readonly ok: true; readonly head: Head } | { readonly ok: false; readonly refusal: WireRefusal }

/** Headers of which a second one would be another truth: readers behind the gateway differ in which of them they take. */
const single = new Set(['authorization', 'host', 'origin', 'content-type', 'content-length', 'content-encoding', 'last-event-id'])
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i
/** Headers that repeat a part of the body (2026-07-28 basic/transports, "Request Metadata"). */
const MIRROR = /^mcp-(?:method|name|param-)/
const INVALID_VALUE = /[^\t\x20-\x7e]/

/** What can be told before the body is read. */
export function readHead(rawHeaders: readonly string[], httpMethod: 'POST' | 'GET' | 'DELETE' | 'MESSAGE'): HeadReading {
  const values = new Map<string, string>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    const value = withoutBlanks(rawHeaders[i + 1] as string)
    const mcp = name.startsWith('mcp-')
    const code = mcp && MIRROR.test(name) ? HEADER_MISMATCH : INVALID_REQUEST
    const before = values.get(name)
    if (before !== undefined && (mcp || single.has(name))) return no(400, code, `expected one ${name} header`)
    if (mcp && INVALID_VALUE.test(value)) return no(400, code, `expected visible ASCII in the ${name} header`)
    values.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  const head: Head = { get: (name) => values.get(name) }
  if (httpMethod === 'DELETE') return { ok: true, head }

  const accepts = acceptedBy(head.get('accept'))
  if (httpMethod === 'GET') {
    return accepts('text', 'event-stream') ? { ok: true, head } : no(406, TRANSPORT, 'expected Accept to list text/event-stream')
  }
  // 2024-11-05 basic/transports: the answer to a MESSAGE, a POST of HTTP+SSE, comes on a stream of its own.
  if (httpMethod === 'POST' && (!accepts('application', 'json') || !accepts('text', 'event-stream'))) {
    return no(406, TRANSPORT, 'expected Accept to list application/json and text/event-stream')
  }
  if (!JSON_TYPE.test(head.get('content-type') ?? '')) {
    return no(415, TRANSPORT, 'expected Content-Type to be application/json, in UTF-8')
  }
  if ((head.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    return no(415, TRANSPORT, 'expected a body without Content-Encoding')
  }
  return { ok: true, head }
}

export type Visit =
  | {
      readonly ok: true
      readonly head: Head
      readonly revision: Revision | undefined
      readonly session: string | undefined
      readonly lastEventId: string | undefined
    }
  | { readonly ok: false; readonly refusal: WireRefusal }

/** A GET for the stream of a session, or the DELETE of one: only the legacy era has either (2026-07-28 basic/transports). */
export function readVisit(rawHeaders: readonly string[], httpMethod: 'GET' | 'DELETE'): Visit {
  const reading = readHead(rawHeaders, httpMethod)
  if (!reading.ok) return reading
  const { head } = reading
  const version = head.get('mcp-protocol-version')
  if (version !== undefined && !isRevision(version)) return { ok: false, refusal: unsupportedLegacy() }
  if (version !== undefined && eraOf(version) === 'modern') {
    const headers = { Allow: 'POST' }
    return { ok: false, refusal: refuse(405, TRANSPORT, 'expected POST: this revision has no other method', { headers }) }
  }
  return { ok: true, head, revision: version, session: head.get('mcp-session-id'), lastEventId: head.get('last-event-id') }
}

/** 2025-06-18 and 2025-11-25 basic/transports, "Protocol Version Header". */
export function unsupportedLegacy(id: NonNullable<WireRefusal['rpc']>['id'] = null): WireRefusal {
  return refuse(400, TRANSPORT, `expected MCP-Protocol-Version to be one of ${served.join(', ')}`, { id })
}

// RFC 9110 section 5.5
const withoutBlanks = (value: string): string => (/^[ \t]|[ \t]$/.test(value) ? value.replace(/^[ \t]+|[ \t]+$/g, '') : value)

/** As most clients write it: every type that is asked about here. */
const usual = 'application/json, text/event-stream'

/** Tells whether a media type is acceptable: listed itself or by a wildcard, and not at quality 0; no header accepts all. */
function acceptedBy(header: string | undefined): (type: string, subtype: string) => boolean {
  if (header === undefined || header === usual) return () => true
  const ranges = new Map<string, boolean>()
  for (const part of header.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim())
    ranges.set(range, !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter)))
  }
  return (type, subtype) => ranges.get(`${type}/${subtype}`) ?? ranges.get(`${type}/*`) ?? ranges.get('*/*') ?? false
}

function no(status: number, code: number, message: string): HeadReading {
  return { ok: false, refusal: refuse(status, code, message) }
}
