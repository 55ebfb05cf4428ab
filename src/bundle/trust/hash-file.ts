// How OPA hashes the files of a signed bundle: documents by what they say, all others by their bytes.
// https://www.openpolicyagent.org/docs/management-bundles#signature-format
import { createHash } from 'node:crypto'
import { parseExactJson } from '../../exact-json.ts'
import { isData, parseData } from '../data.ts'

/** OPA's names of the hashes that are strong enough; it would also take MD5, SHA-1 and shorter ones. */
const hashes: Readonly<Record<string, string>> = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512', 'SHA-512-256': 'sha512-256' }
export const isKnownHash = (algorithm: string): boolean => Object.hasOwn(hashes, algorithm)

const isDocument = (name: string): boolean => isData(name) || name === '.manifest'

/** As Go prints a text. One that is no Unicode is another for Go, so it has no hash. */
const printText = (text: string): string => {
  if (!text.isWellFormed()) throw new Error('a text in it is not Unicode')
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16)}`)
}
const byBytes = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const print = (value: unknown, into: (text: string) => void): void => {
  if (typeof value === 'string') return into(printText(value))
  // Numbers keep the text that they were written with.
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return into(JSON.stringify(value))
  const isList = Array.isArray(value)
  const members: [string, unknown][] = isList ? value.map((each) => ['', each]) : Object.entries(value).sort(byBytes)
  into(isList ? '[' : '{')
  members.forEach(([name, member], at) => {
    if (at > 0) into(',')
    if (!isList) into(`${printText(name)}:`)
    print(member, into)
  })
  into(isList ? ']' : '}')
}

/** In hex; throws on a document that cannot be read. What is hashed is what the build reads, not what the text might mean to others. */
export const hashFile = (name: string, bytes: Uint8Array, algorithm = 'SHA-256'): string => {
  const hash = createHash(hashes[algorithm] ?? 'none')
  if (!isDocument(name)) return hash.update(bytes).digest('hex')
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  print(isData(name) ? parseData(name, text) : parseExactJson(text), (part) => hash.update(part))
  return hash.digest('hex')
}
