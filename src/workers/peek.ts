/** Whom a request claims to be from. Nobody has verified it: it may choose a process, and nothing else. */
export interface Claimed {
  readonly issuer: string
  readonly subject: string
}

/** What a worker takes as a head of a request at most; beyond it, any worker may say so. */
const longestHead = 16 * 1024
const bearer = /\r\nauthorization:[ \t]*bearer +[\w-]+\.([\w-]+)\./i

/** Looks at the beginning of a connection: `more` until it holds the head of a request, `nobody` where that claims nothing that can be read. */
export function peek(bytes: Buffer): Claimed | 'more' | 'nobody' {
  const end = bytes.indexOf('\r\n\r\n')
  // What begins like no request, such as the greeting of TLS, is for a worker to refuse at once.
  if (end < 0 && /^[^A-Z\r\n]/.test(bytes.toString('latin1', 0, 1))) return 'nobody'
  if (end < 0) return bytes.length < longestHead ? 'more' : 'nobody'
  const payload = bearer.exec(bytes.toString('latin1', 0, end + 2))?.[1]
  return payload === undefined ? 'nobody' : readClaims(Buffer.from(payload, 'base64url').toString())
}

function readClaims(text: string): Claimed | 'nobody' {
  try {
    const { iss: issuer, sub, act } = JSON.parse(text) as { readonly iss?: unknown; readonly sub?: unknown; readonly act?: { readonly iss?: unknown; readonly sub?: unknown } }
    // Who acts for somebody is the caller (RFC 8693 section 4.1), under a foreign issuer by a name of its own.
    const actor = act?.sub === undefined ? sub : act.iss === undefined || act.iss === issuer ? act.sub : `${String(act.iss)}#${String(act.sub)}`
    return typeof issuer === 'string' && typeof actor === 'string' ? { issuer, subject: actor } : 'nobody'
  } catch {
    return 'nobody'
  }
}
