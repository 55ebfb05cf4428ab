export const ns = {
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  metadata: 'urn:oasis:names:tc:SAML:2.0:metadata',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
  encryption: 'http://www.w3.org/2001/04/xmlenc#',
} as const

export const bindings = {
  redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
  post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
} as const

export const nameIdFormats = {
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
} as const

/** Signatures that are taken: RSA over SHA-256 or longer. Never SHA-1, and never HMAC, where a public key would serve as the shared one. */
export const signatureMethods: ReadonlyMap<string, { readonly hash: string; readonly pss: boolean }> = new Map([
  ['http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', { hash: 'sha256', pss: false }],
  ['http://www.w3.org/2001/04/xmldsig-more#rsa-sha512', { hash: 'sha512', pss: false }],
  ['http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1', { hash: 'sha256', pss: true }],
])
export const digestMethods: ReadonlySet<string> = new Set(['http://www.w3.org/2001/04/xmlenc#sha256', 'http://www.w3.org/2001/04/xmlenc#sha512'])
export const envelopedSignature = `${ns.signature}enveloped-signature`
/** Without comments: the only form that everybody signs with and that leaves nothing to its surroundings. */
export const exclusiveC14n = 'http://www.w3.org/2001/10/xml-exc-c14n#'

/** Whoever changes the ciphertext is noticed by these. */
export const authenticatedCiphers: ReadonlySet<string> = new Set(['http://www.w3.org/2009/xmlenc11#aes128-gcm', 'http://www.w3.org/2009/xmlenc11#aes256-gcm'])
/** By these not: they are opened only inside a response whose own signature was verified before. */
export const plainCiphers: ReadonlySet<string> = new Set([`${ns.encryption}aes128-cbc`, `${ns.encryption}aes256-cbc`])
/** Never rsa-1_5: its errors tell the plaintext, question by question. */
export const keyTransport = `${ns.encryption}rsa-oaep-mgf1p`
/** The one that it can be opened with. Whether collisions of it can be found does not matter to OAEP. */
export const oaepDigest = `${ns.signature}sha1`

export const success = 'urn:oasis:names:tc:SAML:2.0:status:Success'
export const bearer = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'
