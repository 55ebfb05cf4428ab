import { inflateRawSync } from 'node:zlib'
import { refused, type Refused } from './refused.ts'

export interface Decoded {
  readonly ok: true
  readonly text: string
}

/** Of what is sent; what it becomes is bounded where it is read. */
const largest = 192 * 1024

const utf8 = (bytes: Uint8Array): Decoded | Refused => {
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return refused('saml_unreadable', 'not UTF-8')
  }
}

const bytesOf = (encoded: unknown): Buffer | Refused => {
  if (typeof encoded !== 'string') return refused('saml_unreadable', 'not exactly one SAML message')
  if (encoded.length > largest) return refused('saml_unreadable', `more than ${largest} characters`)
  const text = encoded.replace(/[\t\n\r ]/g, '')
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== '' ? Buffer.from(text, 'base64') : refused('saml_unreadable', 'not base64')
}

/** SAML bindings 3.5.4: what a form carries. */
export const decodePosted = (encoded: unknown): Decoded | Refused => {
  const bytes = bytesOf(encoded)
  return 'ok' in bytes ? bytes : utf8(bytes)
}

/** SAML bindings 3.4.4.1: what an address carries, deflated. */
export const decodeRedirected = (encoded: unknown): Decoded | Refused => {
  const bytes = bytesOf(encoded)
  if ('ok' in bytes) return bytes
  try {
    return utf8(inflateRawSync(bytes, { maxOutputLength: largest }))
  } catch {
    return refused('saml_unreadable', 'not deflated, or too long when it is inflated')
  }
}
