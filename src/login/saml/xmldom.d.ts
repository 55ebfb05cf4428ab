// The package's own types bring all of the browser's with them; this is the part that is used here.
export interface XmlNode {
  readonly nodeType: number
  readonly namespaceURI: string | null
  readonly localName: string
  readonly childNodes: Iterable<XmlNode> & ArrayLike<XmlNode>
  getAttribute(name: string): string | null
}
export class DOMParser {
  parseFromString(text: string, type: string): { readonly documentElement: XmlNode }
}
