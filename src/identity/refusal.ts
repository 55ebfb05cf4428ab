/** Why a request is not let in, with everything an HTTP answer needs. The token is never part of it. */
export interface AuthRefusal {
  readonly status: 400 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly code: AuthCode
  readonly message: string
}

export type AuthCode =
  | 'token_missing'
  | 'credentials_ambiguous'
  | 'credentials_malformed'
  | 'token_in_query'
  | 'token_invalid'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'issuer_unknown'
  | 'claim_refused'
  | 'audience_mismatch'
  | 'keys_unavailable'
  | 'insufficient_scope'

export interface Reason {
  readonly code: AuthCode
  readonly message: string
}
export const reason = (code: AuthCode, message: string): Reason => ({ code, message })

const malformed: readonly AuthCode[] = ['credentials_ambiguous', 'credentials_malformed', 'token_in_query']

const quoted = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`

/** RFC 6750 section 3 and RFC 9728 section 5.1: a challenge says what was wrong and where to learn how to get a token. */
export const refuse = ({ code, message }: Reason, challenge: { readonly realm: string; readonly metadata: string | undefined; readonly scope: string | undefined }): AuthRefusal => {
  if (code === 'keys_unavailable') return { status: 503, headers: { 'Retry-After': '10' }, code, message }
  const isMalformed = malformed.includes(code)
  const error = code === 'token_missing' ? [] : [`error=${quoted(isMalformed ? 'invalid_request' : 'invalid_token')}`, `error_description=${quoted(message)}`]
  // RFC 6750 section 3: what a client asks for to get in.
  const scope = challenge.scope === undefined || isMalformed ? [] : [`scope=${quoted(challenge.scope)}`]
  const where = challenge.metadata === undefined ? `realm=${quoted(challenge.realm)}` : `resource_metadata=${quoted(challenge.metadata)}`
  return { status: isMalformed ? 400 : 401, headers: { 'WWW-Authenticate': `Bearer ${[where, ...scope, ...error].join(', ')}` }, code, message }
}

/** RFC 6750 section 3.1 and MCP 2025-11-25 basic/authorization, "Scope Challenge Handling": everything that is needed, at once. */
export const lacking = (scopes: readonly string[], metadata: string | undefined): AuthRefusal => {
  const message = 'the token was not given for this: it lacks a scope'
  const where = metadata === undefined ? [] : [`resource_metadata=${quoted(metadata)}`]
  return { status: 403, headers: { 'WWW-Authenticate': `Bearer ${['error="insufficient_scope"', `scope=${quoted(scopes.join(' '))}`, ...where, `error_description=${quoted(message)}`].join(', ')}` }, code: 'insufficient_scope', message }
}
