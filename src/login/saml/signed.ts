import { DOMParser } from '@xmldom/xmldom'
import { SignedXml } from 'xml-crypto'
import { decrypt } from 'xml-encryption'
import { digestMethods, envelopedSignature, exclusiveC14n, ns, signatureMethods } from './names.ts'
import { readXml, type Bounds, type XmlElement, type XmlRead } from './xml.ts'

type Node = ReturnType<DOMParser['parseFromString']>['documentElement']

const childrenOf = (node: Node, namespace: string, name: string): readonly Node[] =>
  Array.from(node.childNodes).filter((child) => child.nodeType === 1 && (child as Node).namespaceURI === namespace && (child as Node).localName === name) as Node[]

const only = <T>(table: Readonly<Record<string, T>>, names: Iterable<string>): Record<string, T> =>
  Object.fromEntries([...names].flatMap((name) => (table[name] === undefined ? [] : [[name, table[name]]])))

// XML 1.0 section 2.11; the parser that xml-crypto uses leaves line ends as they are.
const lines = (text: string): string => text.replace(/\r\n?/g, '\n')

const parse = (text: string): Node => new DOMParser().parseFromString(text, 'text/xml').documentElement

/** What the signature covers, as it was signed; undefined where this certificate did not sign it. */
function verifiedBy(certificate: string, text: string, signature: Node): string | undefined {
  const verifier = new SignedXml({ publicCert: certificate })
  verifier.SignatureAlgorithms = only(verifier.SignatureAlgorithms, signatureMethods.keys())
  verifier.HashAlgorithms = only(verifier.HashAlgorithms, digestMethods)
  verifier.CanonicalizationAlgorithms = only(verifier.CanonicalizationAlgorithms, [exclusiveC14n, envelopedSignature])
  try {
    verifier.loadSignature(signature as unknown as Parameters<typeof verifier.loadSignature>[0])
    return verifier.checkSignature(text) && verifier.getSignedReferences().length === 1 ? verifier.getSignedReferences()[0] : undefined
  } catch {
    return undefined
  }
}

/**
 * The root of the document, or the assertion in it, read anew from the bytes that one of the certificates signed, and from nothing else;
 * undefined where there are none. The document's shape was looked at before.
 */
export function readSigned(document: string, what: 'root' | 'assertion', certificates: readonly string[], bounds?: Bounds): { readonly root: XmlElement; readonly text: string } | undefined {
  const text = lines(document)
  const root = parse(text)
  const element = what === 'root' ? root : childrenOf(root, ns.assertion, 'Assertion')[0]
  const signature = element === undefined ? undefined : childrenOf(element, ns.signature, 'Signature')[0]
  if (element === undefined || signature === undefined) return undefined
  for (const certificate of certificates) {
    const signed = verifiedBy(certificate, text, signature)
    const read = signed === undefined ? undefined : readXml(signed, bounds)
    if (signed === undefined || read?.ok !== true) continue
    const same = read.root.name === element.localName && read.root.namespace === element.namespaceURI && read.root.attributes.get('ID') === element.getAttribute('ID')
    if (same) return { root: read.root, text: signed }
  }
  return undefined
}

/** What the response's one encrypted assertion holds. */
export async function decryptAssertion(document: string, key: string): Promise<(XmlRead & { readonly text: string }) | undefined> {
  const [encrypted] = childrenOf(parse(lines(document)), ns.assertion, 'EncryptedAssertion')
  if (encrypted === undefined) return undefined
  const text = await new Promise<string | undefined>((settle) => {
    decrypt(String(encrypted), { key, disallowDecryptionWithInsecureAlgorithm: true, warnInsecureAlgorithm: false }, (error, opened) => settle(error === null ? opened : undefined))
  })
  return text === undefined ? undefined : { ...readXml(text), text }
}
