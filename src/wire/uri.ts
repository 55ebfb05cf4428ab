export const shownUri = 'a URI: without control characters, and without spaces at its ends'

/**
 * Whether readers of URLs leave characters of a text out (WHATWG URL, "basic URL parser"), as the SDKs' servers do: they would read
 * `docs://public/.\t./keys` as `docs://public/../keys`, which no policy was asked about. No URI has these characters (RFC 3986 section 2).
 */
export function hidesUri(text: string): boolean {
  return /[\x00-\x1f\x7f]|^ | $/.test(text)
}
