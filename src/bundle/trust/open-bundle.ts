import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { z } from 'zod'
import { parseExactJson } from '../../exact-json.ts'
import type { JsonObject } from '../../model.ts'
import type { Problem } from '../problem.ts'
import { readTar } from './read-tar.ts'
import { signaturesFile, verifyFiles } from './verify.ts'
import type { Signed, Trust } from './verify.ts'

/** Bytes of a bundle, packed and unpacked. */
const largest = 64 * 1024 * 1024

const about = z.looseObject({
  revision: z.string().optional(),
  roots: z.array(z.string()).optional(),
  rego_version: z.literal(1).optional(),
  metadata: z.looseObject({
    sallyport: z.looseObject({ digest: z.string().optional(), commit: z.string().optional(), sequence: z.int().nonnegative().optional() }).optional(),
  }).optional(),
})
export type Manifest = z.infer<typeof about>

/** The files of a bundle that may be looked at. */
export interface OpenBundle {
  readonly files: ReadonlyMap<string, Buffer>
  readonly manifest: Manifest
  /** The manifest with everything in it and the numbers as they were written. */
  readonly manifestText: JsonObject
  /** Only where signatures are wanted. */
  readonly signed?: Signed
  /** The signature itself, as it was believed. */
  readonly token?: string
}
export type Opened = { readonly ok: true; readonly bundle: OpenBundle } | { readonly ok: false; readonly problems: readonly Problem[] }

const refuse = (code: string, message: string, file?: string): Opened => ({ ok: false, problems: [{ stage: 'verify', code, message, ...(file === undefined ? {} : { file: file.slice(0, 200) }) }] })

const unpack = promisify(gunzip) as (bytes: Uint8Array, options: object) => Promise<unknown>
const inflate = async (bytes: Uint8Array): Promise<{ readonly ok: true; readonly tar: Buffer } | { readonly ok: false; readonly why: string }> => {
  if (bytes.length > largest) return { ok: false, why: `it is larger than ${largest / 1024 / 1024} MiB` }
  try {
    const { buffer, engine } = (await unpack(bytes, { maxOutputLength: largest, info: true })) as { buffer: Buffer; engine: { bytesWritten: number } }
    return engine.bytesWritten === bytes.length ? { ok: true, tar: buffer } : { ok: false, why: 'something follows its end' }
  } catch (fault) {
    const isBomb = (fault as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return { ok: false, why: isBomb ? `it unpacks to more than ${largest / 1024 / 1024} MiB` : 'it is not a gzip file, or damaged' }
  }
}

/** Files that mean something to OPA wherever they lie, or that this gateway cannot honour. */
const misplaced = (name: string): string | undefined => {
  const base = name.slice(name.lastIndexOf('/') + 1)
  if ((base === signaturesFile || name.endsWith('.manifest')) && name !== signaturesFile && name !== '.manifest') return 'only the root of a bundle may have such a file'
  if (base.endsWith('.manifest.pb')) return 'the manifest must be JSON'
  return base === 'patch.json' ? 'bundles that only change another (delta bundles) are not taken' : undefined
}

const readManifest = (bytes: Uint8Array | undefined): { manifest: Manifest; text: JsonObject } | undefined => {
  if (bytes === undefined) return { manifest: {}, text: {} }
  try {
    const text = parseExactJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const { data } = about.safeParse(JSON.parse(JSON.stringify(text)))
    return data === undefined ? undefined : { manifest: data, text: text as JsonObject }
  } catch {
    return undefined
  }
}

/** Everything there is to say against a bundle before its policies are read. With `trust`, nothing in it counts before its signature holds. */
export const openBundle = async (bytes: Uint8Array, trust?: Trust): Promise<Opened> => {
  const inflated = await inflate(bytes)
  if (!inflated.ok) return refuse('not_a_bundle', `this is not a bundle: ${inflated.why}`)
  const archive = readTar(inflated.tar)
  if (!archive.ok) return refuse('not_a_bundle', `this is not a bundle: ${archive.why}`, archive.file)
  const { files } = archive
  const verified = trust === undefined ? undefined : await verifyFiles(files, trust)
  if (verified?.ok === false) return verified
  for (const name of files.keys()) {
    const why = misplaced(name)
    if (why !== undefined) return refuse('not_a_bundle', why, name)
  }
  const read = readManifest(files.get('.manifest'))
  if (read === undefined) return refuse('manifest', 'the manifest cannot be read, or is for another version of Rego', '.manifest')
  return { ok: true, bundle: { files, manifest: read.manifest, manifestText: read.text, ...(verified === undefined ? {} : { signed: verified.signed, token: verified.token }) } }
}
