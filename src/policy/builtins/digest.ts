import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { asText, builtin, type HostBuiltin } from './builtin.ts'

const maxBytes = 256 * 1024

const hash = (name: string): HostBuiltin => builtin(([text]) => createHash(name).update(asText(text)).digest('hex'), maxBytes)
const hmac = (name: string): HostBuiltin => builtin(([text, key]) => createHmac(name, asText(key)).update(asText(text)).digest('hex'), maxBytes)

function isSame(a: string, b: string): boolean {
  const one = Buffer.from(a)
  const other = Buffer.from(b)
  return one.length === other.length && timingSafeEqual(one, other)
}

export const digestBuiltins = {
  'crypto.md5': hash('md5'),
  'crypto.sha1': hash('sha1'),
  'crypto.hmac.md5': hmac('md5'),
  'crypto.hmac.sha1': hmac('sha1'),
  'crypto.hmac.sha256': hmac('sha256'),
  'crypto.hmac.sha512': hmac('sha512'),
  'crypto.hmac.equal': builtin(([a, b]) => isSame(asText(a), asText(b)), maxBytes),
} satisfies Record<string, HostBuiltin>
