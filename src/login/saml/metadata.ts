import { X509Certificate } from 'node:crypto'
import { isConfidential } from '../../loopback.ts'
import { instantOf } from './assertion.ts'
import { bindings, ns } from './names.ts'
import { shapeOfMetadata } from './shape.ts'
import { readSigned } from './signed.ts'
import { childrenOf, ofMetadata, onlyChild, readXml, type XmlElement } from './xml.ts'

/** An identity provider as the gateway deals with it. */
export interface Idp {
  readonly issuer: string
  readonly entryPoint: string
  /** Where it signs people out, by HTTP-Redirect, and where it takes the answer to that. */
  readonly logout?: { readonly requests: string; readonly responses: string }
  /** As PEM. */
  readonly certificates: readonly string[]
  /** Milliseconds since the epoch: nothing of this is good any more. */
  readonly validUntil?: number
}
export type MetadataRead = { readonly ok: true; readonly idp: Idp } | { readonly ok: false; readonly why: string }

/** The certificates of a PEM file, each with an RSA key of at least 2048 bits; or why not. */
export const readCertificates = (pem: string): { readonly ok: true; readonly all: readonly string[] } | { readonly ok: false; readonly why: string } => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return { ok: false, why: 'no certificate' }
  const usable = blocks.map(usableCertificate)
  const all = usable.filter((one) => one !== undefined)
  return all.length === blocks.length ? { ok: true, all } : { ok: false, why: 'a certificate that cannot be read, or whose key is not RSA of at least 2048 bits' }
}
/** It is the key that is trusted (SAML metadata interoperability 2.6.1): neither the dates nor the issuer of the certificate count. */
function usableCertificate(given: string | Uint8Array): string | undefined {
  try {
    const certificate = new X509Certificate(given)
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
    return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048 ? certificate.toString() : undefined
  } catch {
    return undefined
  }
}

const signingCertificates = (role: XmlElement): readonly string[] => {
  const keys = childrenOf(role, ns.metadata, 'KeyDescriptor').filter((key) => (key.attributes.get('use') ?? 'signing') === 'signing')
  const given = keys.flatMap((key) => childrenOf(key, ns.signature, 'KeyInfo')).flatMap((info) => childrenOf(info, ns.signature, 'X509Data')).flatMap((data) => childrenOf(data, ns.signature, 'X509Certificate'))
  const all = given.map((certificate) => usableCertificate(Buffer.from(certificate.text, 'base64'))).filter((one) => one !== undefined)
  return [...new Set(all)]
}

const endpoint = (role: XmlElement, name: string): { readonly requests: string; readonly responses: string } | undefined => {
  const found = childrenOf(role, ns.metadata, name).find((one) => one.attributes.get('Binding') === bindings.redirect)
  const requests = found?.attributes.get('Location')
  const responses = found?.attributes.get('ResponseLocation') ?? requests
  const isUsable = (text: string | undefined): text is string => text !== undefined && URL.canParse(text) && isConfidential(new URL(text))
  return isUsable(requests) && isUsable(responses) ? { requests, responses } : undefined
}

/** `certificates`: those that must have signed it; without them, where it came from is what is trusted. */
export function readMetadata(text: string, { certificates, issuer, now }: { readonly certificates?: readonly string[]; readonly issuer?: string | undefined; readonly now: number }): MetadataRead {
  const read = readXml(text.replace(/^\uFEFF/, ''), ofMetadata)
  if (!read.ok) return read
  if (read.root.name !== 'EntityDescriptor' || read.root.namespace !== ns.metadata) return { ok: false, why: 'it does not describe one identity provider (EntityDescriptor)' }
  const shape = certificates === undefined ? undefined : shapeOfMetadata(read.root)
  if (shape?.ok === false) return { ok: false, why: shape.detail }
  // Whatever is read from here on was signed, where it must be.
  const entity = certificates === undefined ? read.root : readSigned(text.replace(/^\uFEFF/, ''), 'root', certificates, ofMetadata)?.root
  if (entity === undefined) return { ok: false, why: 'it is not signed by the certificate that is configured for it' }
  const role = onlyChild(entity, ns.metadata, 'IDPSSODescriptor')
  if (role === undefined) return { ok: false, why: 'it does not describe an identity provider (one IDPSSODescriptor)' }
  const id = entity.attributes.get('entityID') ?? ''
  if (id === '' || id.length > 1024) return { ok: false, why: 'it has no entityID' }
  if (issuer !== undefined && id !== issuer) return { ok: false, why: `its entityID is ${JSON.stringify(id.slice(0, 200))}, not the configured issuer` }
  const ends = [entity, role].flatMap((element) => element.attributes.get('validUntil') ?? [])
  const endsAt = ends.map(instantOf)
  if (endsAt.some((end) => end === undefined || end <= now)) return { ok: false, why: 'it is not valid any more (validUntil)' }
  const entryPoint = endpoint(role, 'SingleSignOnService')?.requests
  if (entryPoint === undefined) return { ok: false, why: 'it has no SingleSignOnService for HTTP-Redirect at an https address' }
  const signing = signingCertificates(role)
  if (signing.length === 0) return { ok: false, why: 'it has no signing certificate with an RSA key of at least 2048 bits' }
  const logout = endpoint(role, 'SingleLogoutService')
  const until = endsAt.filter((end) => end !== undefined)
  return { ok: true, idp: { issuer: id, entryPoint, certificates: signing, ...(logout === undefined ? {} : { logout }), ...(until.length === 0 ? {} : { validUntil: Math.min(...until) }) } }
}
