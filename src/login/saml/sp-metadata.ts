import { X509Certificate } from 'node:crypto'
import type { Own } from './library.ts'
import { authenticatedCiphers, bindings, keyTransport, nameIdFormats, ns } from './names.ts'
import { presetOf } from './person.ts'
import type { SamlSettings } from './settings.ts'
import { escapeXml } from './xml.ts'

export interface OwnCertificates {
  readonly sign?: string
  readonly decryption?: string
}

const keyDescriptor = (use: 'signing' | 'encryption', pem: string): string => {
  const certificate = new X509Certificate(pem).raw.toString('base64')
  const methods = use === 'signing' ? '' : [...authenticatedCiphers, keyTransport].map((algorithm) => `<EncryptionMethod Algorithm="${algorithm}"/>`).join('')
  return `<KeyDescriptor use="${use}"><ds:KeyInfo xmlns:ds="${ns.signature}"><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>${methods}</KeyDescriptor>`
}

/** The gateway as an identity provider imports it (SAML metadata 2.4.4; the order of the parts is the schema's). */
export function makeMetadata(own: Own, settings: SamlSettings, { sign, decryption }: OwnCertificates): string {
  const { nameId } = presetOf(settings)
  const formats = nameId === 'any' ? [nameIdFormats.persistent, nameIdFormats.email, nameIdFormats.unspecified] : [nameIdFormats[nameId]]
  const slo = escapeXml(own.slo)
  return `<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="${ns.metadata}" entityID="${escapeXml(own.entityId)}"><SPSSODescriptor protocolSupportEnumeration="${ns.protocol}" AuthnRequestsSigned="${sign !== undefined}" WantAssertionsSigned="${settings.want.signed !== 'response'}">${
    sign === undefined ? '' : keyDescriptor('signing', sign)}${decryption === undefined ? '' : keyDescriptor('encryption', decryption)
    }<SingleLogoutService Binding="${bindings.redirect}" Location="${slo}"/><SingleLogoutService Binding="${bindings.post}" Location="${slo}"/>${
      formats.map((format) => `<NameIDFormat>${format}</NameIDFormat>`).join('')
    }<AssertionConsumerService Binding="${bindings.post}" Location="${escapeXml(own.acs)}" index="0" isDefault="true"/></SPSSODescriptor></EntityDescriptor>
`
}
