import { reason, type Reason } from './refusal.ts'

/** Every value of a header as it came. `req.headers` would keep the first of two and not say so. */
export const headerValues = (rawHeaders: readonly string[], name: string): readonly string[] => {
  const values: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const given = rawHeaders[index]
    if (given?.length === name.length && given.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '')
  }
  return values
}

// RFC 6750 section 2.1: b64token.
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** The one bearer token of a request, from its headers (RFC 6750 section 2.1) and from nowhere else. */
export const readBearer = (rawHeaders: readonly string[], url: string | undefined): { readonly ok: true; readonly token: string } | { readonly ok: false; readonly reason: Reason } => {
  const given = headerValues(rawHeaders, 'authorization')
  const query = url === undefined || !url.includes('?') ? undefined : new URLSearchParams(url.slice(url.indexOf('?')))
  if (query?.has('access_token') === true) return { ok: false, reason: reason('token_in_query', 'a token belongs into the Authorization header, never into the address') }
  const [value, second] = given
  if (value === undefined) return { ok: false, reason: reason('token_missing', 'a bearer token is needed') }
  if (second !== undefined) return { ok: false, reason: reason('credentials_ambiguous', 'more than one Authorization header') }
  if (!/^Bearer(?: |$)/i.test(value)) return { ok: false, reason: reason('token_missing', 'a bearer token is needed; no other scheme is known') }
  const token = bearer.exec(value)?.[1]
  return token === undefined ? { ok: false, reason: reason('credentials_malformed', 'the Authorization header does not hold one bearer token') } : { ok: true, token }
}
