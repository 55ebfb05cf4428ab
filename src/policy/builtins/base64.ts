/** Base 64 as Go decodes it: padded, line ends left out, and nothing else that is not of its alphabet. */
export function decodeBase64(text: string, alphabet: 'base64' | 'base64url' = 'base64'): Buffer | undefined {
  const bare = text.replace(/[\r\n]/g, '')
  const shape = alphabet === 'base64' ? /^[A-Za-z0-9+/]*={0,2}$/ : /^[A-Za-z0-9_-]*={0,2}$/
  if (bare.length % 4 !== 0 || !shape.test(bare)) return undefined
  return Buffer.from(bare, alphabet)
}

/** What leaves the padding out is padded first (RFC 7515, appendix C). */
export function decodeBase64Url(text: string): Buffer | undefined {
  const missing = text.endsWith('=') ? 0 : (4 - (text.length % 4)) % 4
  return missing === 3 ? undefined : decodeBase64(text + '='.repeat(missing), 'base64url')
}
