import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import { parseExactJson } from '../../exact-json.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { withoutTests } from '../build.ts'
import { takeBackRules } from '../rules/apply-rules.ts'
import { problemText } from '../problem.ts'
import { counts, sourcesOf } from '../source/read-directory.ts'
import { buildData } from '../source/sources.ts'
import type { Read, Sources } from '../source/sources.ts'
import { openBundle } from './open-bundle.ts'
import { orderOf } from './order.ts'
import { writeTar } from './tar.ts'
import type { Trust } from './verify.ts'

const compress = promisify(gzip) as (bytes: Uint8Array, options: object) => Promise<Buffer>

/** A bundle as OPA knows it: module, data, schemas, sources and manifest. Tests stay at home. */
export const packBundle = async (sources: Sources, bundle: BuiltBundle): Promise<Buffer> => {
  const manifest = {
    revision: bundle.revision,
    roots: [''],
    rego_version: 1,
    metadata: { sallyport: { digest: bundle.digest, ...(bundle.commit === undefined ? {} : { commit: bundle.commit }) } },
  }
  const files = new Map<string, Uint8Array>([
    ['/.manifest', Buffer.from(JSON.stringify(manifest))],
    ['/data.json', Buffer.from(JSON.stringify(bundle.data))],
    ['/policy.wasm', bundle.wasm],
  ])
  for (const [name, schema] of Object.entries(sources.schemas).sort(([a], [b]) => (a < b ? -1 : 1))) files.set(`/schemas/${name}.json`, Buffer.from(JSON.stringify(schema)))
  for (const [path, text] of Object.entries(withoutTests(sources.modules)).sort(([a], [b]) => (a < b ? -1 : 1))) files.set(`/${path}`, Buffer.from(text))
  for (const [path, text] of Object.entries(sources.rules ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) files.set(`/${path}`, Buffer.from(text))
  const bytes = await compress(writeTar(files), { level: 9 })
  // What cannot be read again would judge now and be gone at the next start.
  const opened = await openBundle(bytes)
  if (!opened.ok) throw new Error(`no bundle can hold this source: ${opened.problems.map(problemText).join('\n')}`)
  return bytes
}

/** Our own build wrote this member; the next build writes it anew. */
const withoutBuildData = (text: string): string => {
  const data = parseExactJson(text)
  if (typeof data !== 'object' || data === null) return text
  return JSON.stringify(Object.fromEntries(Object.entries(data).filter(([name]) => name !== buildData)))
}

/** The sources in a bundle built anywhere: they are built again, its `policy.wasm` is not looked at. */
export const unpackBundle = async (bytes: Uint8Array, trust?: Trust): Promise<Read> => {
  const opened = await openBundle(bytes, trust)
  if (!opened.ok) return opened
  const { bundle } = opened
  const files = new Map<string, string>()
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    for (const [path, body] of bundle.files) if (counts(path)) files.set(path, decoder.decode(body))
    const data = files.get('data.json')
    if (data !== undefined) files.set('data.json', withoutBuildData(data))
    if (bundle.manifest.metadata?.sallyport !== undefined) takeBackRules(files)
  } catch (fault) {
    const reason = messageOf(fault)
    return { ok: false, problems: [{ stage: 'read', code: 'not_a_bundle', message: `this is not a bundle: ${reason}` }] }
  }
  const { revision = '', metadata } = bundle.manifest
  const commit = metadata?.sallyport?.commit
  const read = await sourcesOf(files, { revision, ...(commit === undefined ? {} : { commit }) })
  return read.ok ? { ...read, ...orderOf(bundle, createHash('sha256').update(bytes).digest('hex')), ...(bundle.token === undefined ? {} : { evidence: bundle.token }) } : read
}
