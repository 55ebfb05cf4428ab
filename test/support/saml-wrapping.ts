const assertionIn = (xml: string): string => /<saml:Assertion[\s\S]*<\/saml:Assertion>/.exec(xml)?.[0] ?? ''
const signatureIn = (xml: string): string => /<ds:Signature[\s\S]*?<\/ds:Signature>/.exec(xml)?.[0] ?? ''
const idOf = (xml: string): string => /\sID="([^"]*)"/.exec(xml)?.[1] ?? ''
const insideSignature = (signature: string, more: string): string => signature.replace('</ds:Signature>', `${more}</ds:Signature>`)

/** Another person's, under another id. */
const forged = (xml: string, name: string): string => xml.replace(idOf(xml), '_forged').replace(/(<saml:NameID[^>]*>)[^<]*/g, `$1${name}`)

/**
 * Signature wrapping (Somorovsky et al., "On Breaking SAML", 2012) in the eight forms that testers use: a good signature stays good, and
 * what a careless reader takes is something else. The first two are of a signed response, the others of a signed assertion.
 */
export const wrappings: Readonly<Record<string, { readonly of: 'response' | 'assertion'; readonly wrap: (xml: string, name: string) => string }>> = {
  'XSW1: the signed response inside the signature of another': {
    of: 'response',
    wrap: (xml, name) => {
      const signature = signatureIn(xml)
      return forged(xml.replace(signature, '@'), name).replace('@', insideSignature(signature, xml.replace(signature, '')))
    },
  },
  'XSW2: the signed response beside the signature of another': {
    of: 'response',
    wrap: (xml, name) => {
      const signature = signatureIn(xml)
      return forged(xml.replace(signature, '@'), name).replace('@', `${xml.replace(signature, '')}${signature}`)
    },
  },
  'XSW3: another assertion before the signed one': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      return xml.replace(assertion, `${forged(assertion.replace(signatureIn(assertion), ''), name)}${assertion}`)
    },
  },
  'XSW4: the signed assertion inside another': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      return xml.replace(assertion, forged(assertion.replace(signatureIn(assertion), ''), name).replace(/<\/saml:Assertion>$/, `${assertion}</saml:Assertion>`))
    },
  },
  'XSW5: another assertion with the signature, the signed one behind it': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      const signature = signatureIn(assertion)
      const bare = assertion.replace(signature, '')
      return xml.replace(assertion, `${forged(assertion.replace(signature, '@'), name).replace('@', signature)}${bare}`)
    },
  },
  'XSW6: another assertion with the signature, the signed one inside that': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      const signature = signatureIn(assertion)
      return xml.replace(assertion, forged(assertion.replace(signature, '@'), name).replace('@', insideSignature(signature, assertion.replace(signature, ''))))
    },
  },
  'XSW7: another assertion of the same id in an extension': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      const other = forged(assertion.replace(signatureIn(assertion), ''), name).replace('_forged', idOf(assertion))
      return xml.replace('<samlp:Status>', `<samlp:Extensions>${other}</samlp:Extensions><samlp:Status>`)
    },
  },
  'XSW8: another assertion with the signature, the signed one in an object of that': {
    of: 'assertion',
    wrap: (xml, name) => {
      const assertion = assertionIn(xml)
      const signature = signatureIn(assertion)
      const object = `<ds:Object>${assertion.replace(signature, '')}</ds:Object>`
      return xml.replace(assertion, forged(assertion.replace(signature, '@'), name).replace('@', insideSignature(signature, object)))
    },
  },
}
