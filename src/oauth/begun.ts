import { createHash } from 'node:crypto'

export const consentPath = '/oauth/consent'

/** What the address of the page that asks says of the browser in which its request was begun. */
export const begunIn = (request: string, browser: string): string => createHash('sha256').update(JSON.stringify([request, browser])).digest('base64url')

/**
 * The page that asks about a request, for the browser that began it. The library's own cookies do not hold the two together: any host of
 * the domain can give one to somebody else's browser, and whoever began would fetch what the other answered (RFC 6265 section 8.6).
 */
export const pageOf = (request: string, browser: string): string => `${consentPath}/${request}?of=${begunIn(request, browser)}`
