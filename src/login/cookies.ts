export interface CookieNames {
  readonly session: string
  readonly flow: string
  readonly mark: string
  readonly isSecure: boolean
}

/**
 * `__Host-` binds a cookie to this host and to TLS (RFC 6265bis section 4.1.3.2). Over plain http, which only loopback may have, browsers
 * refuse such names, so that there the cookies of other programs on the same host are not kept apart.
 */
export const cookieNames = (publicUrl: string): CookieNames => {
  const isSecure = publicUrl.startsWith('https:')
  const prefix = isSecure ? '__Host-' : ''
  return { session: `${prefix}sallyport`, flow: `${prefix}sallyport-flow`, mark: `${prefix}sallyport-mark`, isSecure }
}

export const createCookies = ({ isSecure }: CookieNames) => {
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  return {
    set: (name: string, value: string, seconds?: number): string => `${name}=${value}${attributes}${seconds === undefined ? '' : `; Max-Age=${seconds}`}`,
    clear: (name: string): string => `${name}=${attributes}; Max-Age=0`,
  }
}

const form = /^[A-Za-z0-9_-]{22,64}$/

/** The one value of a cookie. Two of a name are none: which of them is the gateway's cannot be told. */
export function cookieOf(rawHeaders: readonly string[], name: string): string | undefined {
  const found: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'cookie') continue
    for (const pair of (rawHeaders[index + 1] ?? '').split(';')) {
      const at = pair.indexOf('=')
      if (at > 0 && pair.slice(0, at).trim() === name) found.push(pair.slice(at + 1).trim())
    }
  }
  const [value] = found
  return found.length === 1 && value !== undefined && form.test(value) ? value : undefined
}
