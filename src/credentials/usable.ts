import type * as openid from 'openid-client'

/** What somebody gave for a token, and is none that can be presented. */
export class UnusableToken extends Error {
  readonly code = 'unusable_token'
}

/** No server takes a longer one in a header, and every answer is looked through for it. */
const longest = 16 * 1024
const isText = (text: string): boolean => text.length <= longest && /^[\x21-\x7e]+$/.test(text)

/** RFC 6749 section 7.1: a token of a type that is not understood is not used. */
export function usable<T extends openid.TokenEndpointResponse>(granted: T): T {
  const { access_token: access, refresh_token: refresh, token_type: type } = granted
  if (type.toLowerCase() !== 'bearer' || !isText(access) || (refresh !== undefined && !isText(refresh))) throw new UnusableToken('a token that cannot be used')
  return granted
}
