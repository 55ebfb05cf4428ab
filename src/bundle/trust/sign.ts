import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { CompactSign } from 'jose'
import { isObject } from '../../exact-json.ts'
import type { Clock } from '../../model.ts'
import type { Problem } from '../problem.ts'
import { hashFile } from './hash-file.ts'
import type { Key } from './keys.ts'
import { openBundle } from './open-bundle.ts'
import { writeTar } from './tar.ts'
import { signaturesFile } from './verify.ts'

const compress = promisify(gzip) as (bytes: Uint8Array, options: object) => Promise<Buffer>

export interface Signing {
  readonly key: Key
  readonly scope?: string
  readonly issuer?: string
  /** Where this bundle stands among those of its maker; a gateway takes none that is not above the last. Milliseconds by default. */
  readonly sequence?: number
  readonly clock: Clock
}
export type SignedBundle = { readonly ok: true; readonly bytes: Buffer; readonly sequence: number; readonly files: number } | { readonly ok: false; readonly problems: readonly Problem[] }

const hashOf = (name: string, body: Uint8Array): string | undefined => {
  try {
    return hashFile(name, body)
  } catch {
    return undefined
  }
}

/** A bundle with OPA's signature over all its files; one that it had is replaced. */
export const signBundle = async (bytes: Uint8Array, { key, scope, issuer, clock, sequence = clock() }: Signing): Promise<SignedBundle> => {
  const opened = await openBundle(bytes)
  if (!opened.ok) return opened
  const { files, manifestText } = opened.bundle
  const metadata = isObject(manifestText['metadata']) ? manifestText['metadata'] : {}
  const own = isObject(metadata['sallyport']) ? metadata['sallyport'] : {}
  const manifest = { ...manifestText, metadata: { ...metadata, sallyport: { ...own, sequence } } }
  const signed = new Map<string, Uint8Array>([['.manifest', Buffer.from(JSON.stringify(manifest))]])
  for (const [name, body] of files) if (name !== '.manifest' && name !== signaturesFile) signed.set(name, body)
  const listed = [...signed].map(([name, body]) => ({ name, hash: hashOf(name, body), algorithm: 'SHA-256' }))
  const unreadable = listed.filter(({ hash }) => hash === undefined)
  if (unreadable.length > 0) return { ok: false, problems: unreadable.map(({ name }) => ({ stage: 'sign', file: name, code: 'unreadable_document', message: 'cannot be read, so it cannot be signed' })) }
  const claims = {
    files: listed,
    iat: Math.floor(clock() / 1000),
    ...(scope === undefined ? {} : { scope }),
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(key.id === undefined ? {} : { keyid: key.id }),
  }
  const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: key.algorithm, typ: 'JWT', ...(key.id === undefined ? {} : { kid: key.id }) })
    .sign(key.key)
  const all = new Map<string, Uint8Array>([[signaturesFile, Buffer.from(JSON.stringify({ signatures: [token] }))], ...signed])
  return { ok: true, bytes: await compress(writeTar(new Map([...all].map(([name, body]) => [`/${name}`, body]))), { level: 9 }), sequence, files: signed.size }
}
