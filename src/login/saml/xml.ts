import { SaxesParser } from 'saxes'

/** An element as everybody who reads XML strictly sees it: names with their namespace, comments gone, its own text in one piece. */
export interface XmlElement {
  readonly namespace: string
  readonly name: string
  /** Attributes without a namespace by their name, all others as `{namespace}name`. Declarations of namespaces are left out. */
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  readonly text: string
}
export type XmlRead = { readonly ok: true; readonly root: XmlElement } | { readonly ok: false; readonly why: string }

export interface Bounds {
  readonly characters: number
  readonly elements: number
  /** Of all elements together, declarations of namespaces included. */
  readonly attributes: number
  readonly comments: number
}
/** Anybody can send a message, and what verifies it takes time that grows faster than the message. */
const ofMessages: Bounds = { characters: 128 * 1024, elements: 2_000, attributes: 3_000, comments: 20 }
/** One that is about signing out says little, and anybody can send it unasked. */
export const ofLogouts: Bounds = { characters: 32 * 1024, elements: 200, attributes: 400, comments: 20 }
/** Metadata comes from where the operator said. */
export const ofMetadata: Bounds = { characters: 1024 * 1024, elements: 10_000, attributes: 40_000, comments: 1_000 }
const deepest = 32
const xmlns = 'http://www.w3.org/2000/xmlns/'

class Unwanted extends Error {}
interface Open extends XmlElement {
  readonly attributes: Map<string, string>
  readonly children: Open[]
  text: string
}

/**
 * Well-formed XML 1.0 with namespaces, without a DOCTYPE, entities of its own, processing instructions and CDATA: nothing that
 * two readers could take differently. Comments are allowed, since canonical XML leaves them out; a text that one splits is one text.
 */
export function readXml(text: string, bounds = ofMessages): XmlRead {
  if (text.length > bounds.characters) return { ok: false, why: `it is longer than ${bounds.characters} characters` }
  const parser = new SaxesParser({ xmlns: true, position: false })
  const path: Open[] = []
  let root: Open | undefined
  const seen = { elements: 0, attributes: 0, comments: 0 }
  const refuse = (why: string) => (): never => {
    throw new Unwanted(why)
  }
  parser.on('error', refuse('it is not well-formed XML'))
  parser.on('doctype', refuse('it has a DOCTYPE'))
  parser.on('processinginstruction', refuse('it has a processing instruction'))
  parser.on('cdata', refuse('it has a CDATA section'))
  parser.on('comment', () => {
    seen.comments += 1
    if (seen.comments > bounds.comments) refuse('it has too many comments')()
  })
  parser.on('xmldecl', ({ version, encoding }) => {
    if (version !== '1.0' || (encoding !== undefined && encoding.toLowerCase() !== 'utf-8')) refuse('it is not XML 1.0 in UTF-8')()
  })
  parser.on('opentag', (tag) => {
    const given = Object.values(tag.attributes)
    seen.elements += 1
    seen.attributes += given.length
    if (seen.elements > bounds.elements || path.length >= deepest) refuse('it has too many elements, or too deep ones')()
    if (seen.attributes > bounds.attributes) refuse('it has too many attributes')()
    const own = given.filter(({ uri }) => uri !== xmlns)
    const element: Open = {
      namespace: tag.uri, name: tag.local, children: [], text: '',
      attributes: new Map(own.map(({ uri, local, value }) => [uri === '' ? local : `{${uri}}${local}`, value])),
    }
    path.at(-1)?.children.push(element)
    root ??= element
    path.push(element)
  })
  parser.on('closetag', () => void path.pop())
  parser.on('text', (piece) => {
    const element = path.at(-1)
    if (element !== undefined) element.text += piece
  })
  try {
    parser.write(text).close()
  } catch (error) {
    if (error instanceof Unwanted) return { ok: false, why: error.message }
    throw error
  }
  return root === undefined ? { ok: false, why: 'it is empty' } : { ok: true, root }
}

/** The children of that name. */
export const childrenOf = (element: XmlElement, namespace: string, name: string): readonly XmlElement[] =>
  element.children.filter((child) => child.name === name && child.namespace === namespace)

/** The child of that name where there is exactly one. */
export const onlyChild = (element: XmlElement, namespace: string, name: string): XmlElement | undefined => {
  const [first, ...more] = childrenOf(element, namespace, name)
  return more.length === 0 ? first : undefined
}

export interface Placed {
  readonly element: XmlElement
  readonly parent: XmlElement | undefined
}
/** Every element in the order of the document, each with the one it stands in. */
export function* walk(element: XmlElement, parent?: XmlElement): Generator<Placed> {
  yield { element, parent }
  for (const child of element.children) yield* walk(child, element)
}

/** Of a URI (xs:anyURI): white space around it does not count (XML Schema part 2, 4.3.6). */
export const uriOf = (element: XmlElement | undefined): string | undefined => element?.text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' }
/** Text as it may stand in an element or an attribute in double quotes. */
export const escapeXml = (text: string): string => text.replace(/[&<>"\t\n\r]/g, (sign) => escapes[sign] ?? '')
