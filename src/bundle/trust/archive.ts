import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { createInTurn } from '../../in-turn.ts'
import { syncDirectory, writeDurably } from './write-durably.ts'

/** A bundle that was active, the newest last. */
export interface Kept {
  readonly digest: string
  readonly revision: string
  readonly commit?: string | undefined
  readonly order?: number | undefined
  /** Names what the source itself brought, whatever library the gateway then had. */
  readonly content: string
  /** Names the file that it was read from. */
  readonly given?: string | undefined
  /** What `policy.verify` demanded when it became active; nothing where that is empty. */
  readonly trust: string
  /** What was signed, by which it is found out whether its signer is still believed. */
  readonly evidence?: string | undefined
  /** Which source it came from: another one's order says nothing about it. */
  readonly source: string
  /** Milliseconds since the epoch. */
  readonly activated_at: number
}
export type Got = { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly why: string }

/** Every bundle that was active, as an OPA bundle file `<digest>.tar.gz`, in a directory that only the gateway reads and writes. */
export interface BundleArchive {
  /** Newest first. */
  list(): readonly Kept[]
  /** The bytes as they were kept, or why they are not to be had. */
  get(digest: string): Promise<Got>
  /** Resolves when the bundle and its place as the newest are on the disk: it may be active from then on. */
  keep(kept: Kept, bytes: Uint8Array): Promise<void>
  /** For one that did not become active after all: everything is as it was before it. */
  takeBack(): Promise<void>
  /** When the source was last seen to say what is active; milliseconds since the epoch. */
  currentAt(): number | undefined
  saveCurrent(at: number): Promise<void>
}
export interface ArchiveOptions {
  readonly directory: string
  /** The key of the store: whoever does not have it cannot put a bundle here that would be taken. */
  readonly key: Uint8Array
  /** How many are kept whatever refers to them. */
  readonly most?: number
  /** What records name; it is kept as long as they do. */
  readonly needed?: () => ReadonlySet<string>
}

const name = z.string().regex(/^bnd_[0-9a-f]{32}$/)
const entry = z.strictObject({
  digest: name, revision: z.string(), commit: z.string().optional(), order: z.number().optional(), content: z.string(), given: z.string().optional(), trust: z.string(), evidence: z.string().optional(), source: z.string(),
  activated_at: z.number(), sha256: z.string(),
})
const index = z.strictObject({ version: z.literal(1), bundles: z.array(entry).readonly(), current_at: z.number().optional() })
const sealed = z.strictObject({ index: z.string(), mac: z.string() })
type Entry = z.infer<typeof entry>

const indexFile = 'index.json'
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const openArchive = async ({ directory, key, most = 50, needed = () => new Set() }: ArchiveOptions): Promise<BundleArchive> => {
  const macKey = Buffer.from(hkdfSync('sha256', key, '', 'sallyport kept bundles 1', 32))
  const macOf = (text: string): string => createHmac('sha256', macKey).update(text).digest('hex')
  const fileOf = (digest: string): string => join(directory, `${digest}.tar.gz`)
  const inTurn = createInTurn()

  await mkdir(directory, { recursive: true, mode: 0o700 })
  await syncDirectory(dirname(directory))
  const found = await readIndex(directory, macOf)
  let entries: readonly Entry[] = found.bundles
  let before: readonly Entry[] = entries
  let currentAt = found.current_at

  const save = async (bundles: readonly Entry[], at = currentAt): Promise<void> => {
    const text = JSON.stringify({ version: 1, bundles, ...(at === undefined ? {} : { current_at: at }) } satisfies z.infer<typeof index>)
    await writeDurably(join(directory, indexFile), Buffer.from(JSON.stringify({ index: text, mac: macOf(text) })))
    entries = bundles
    currentAt = at
  }
  /** What nothing names any more goes, also what a crash left behind. */
  const sweep = async (): Promise<void> => {
    const named = new Set([...entries, ...before].map(({ digest }) => `${digest}.tar.gz`))
    for (const file of await readdir(directory)) {
      if (file !== indexFile && !named.has(file) && /^(?:bnd_\w+\.tar\.gz|index\.json)(?:\.new)?$/.test(file)) await rm(join(directory, file), { force: true })
    }
  }
  await sweep()
  const get = async (digest: string): Promise<Got> => {
    const kept = entries.find((each) => each.digest === digest)
    if (kept === undefined) return { ok: false, why: 'there is no such bundle' }
    const bytes = await readFile(fileOf(digest)).catch((fault: NodeJS.ErrnoException) => fault.code ?? 'error')
    if (typeof bytes === 'string') return { ok: false, why: `its file cannot be read (${bytes})` }
    return sha256(bytes) === kept.sha256 ? { ok: true, bytes } : { ok: false, why: 'its file was changed' }
  }

  return {
    list: () => entries.toReversed().map(({ sha256: _, ...kept }) => kept),
    currentAt: () => currentAt,
    get,
    keep: (kept, bytes) =>
      inTurn(async () => {
        const { digest, revision, commit, order, content, given, trust, evidence, source, activated_at } = kept
        // A file that is named and whole stays: a crash between a new one and the index would leave none that is believed.
        const there = (await get(digest)).ok ? entries.find((each) => each.digest === digest) : undefined
        if (there === undefined) await writeDurably(fileOf(name.parse(digest)), bytes)
        const next: Entry = {
          digest, revision, ...(commit === undefined ? {} : { commit }), ...(order === undefined ? {} : { order }), content, ...(given === undefined ? {} : { given }), trust, ...(evidence === undefined ? {} : { evidence }), source, activated_at,
          sha256: there?.sha256 ?? sha256(bytes),
        }
        const others = entries.filter((each) => each.digest !== digest)
        const recent = others.length - (most - 1)
        const previous = entries
        const named = recent > 0 ? needed() : new Set()
        await save([...others.filter((each, at) => at >= recent || named.has(each.digest)), next])
        before = previous
        await sweep()
      }),
    takeBack: () =>
      inTurn(async () => {
        if (before === entries) return
        await save(before)
        await sweep()
      }),
    saveCurrent: (at) => inTurn(() => save(entries, at)),
  }
}

const readIndex = async (directory: string, macOf: (text: string) => string): Promise<z.infer<typeof index>> => {
  const file = join(directory, indexFile)
  const text = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return undefined
    throw fault
  })
  if (text === undefined) return { version: 1, bundles: [] }
  const refused = new Error(`${file} was changed, or was written under another store.key_from: bring back the key or the file, or remove the directory and with it what was kept`)
  try {
    const read = sealed.parse(JSON.parse(text))
    const [given, wanted] = [Buffer.from(read.mac, 'hex'), Buffer.from(macOf(read.index), 'hex')]
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw refused
    return index.parse(JSON.parse(read.index))
  } catch {
    throw refused
  }
}
