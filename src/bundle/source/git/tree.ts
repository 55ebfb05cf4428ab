import { counts } from '../read-directory.ts'
import type { Files } from '../sources.ts'
import type { Problem } from '../../problem.ts'
import type { Failure } from './problem.ts'
import { runGit } from './run.ts'
import type { GitPlace } from './run.ts'

const maximum = 64 * 1024 * 1024
const mostEntries = 100_000

export type Tree =
  | { readonly kind: 'read'; readonly files: Files; readonly problems: readonly Problem[] }
  /** The copy of the repository does not give what it should have. */
  | { readonly kind: 'failed'; readonly failure: Failure }

interface Entry {
  readonly mode: string
  readonly type: string
  readonly id: string
  readonly size: number
  readonly path: string
}

const countOf = (listing: Buffer): number => {
  let count = 0
  for (let at = listing.indexOf(0); at >= 0; at = listing.indexOf(0, at + 1)) count += 1
  return count
}

const entriesOf = (listing: Buffer): { readonly entries: readonly Entry[]; readonly odd: boolean } => {
  let odd = false
  const entries = listing.toString('latin1').split('\0').slice(0, -1).flatMap((line): Entry[] => {
    const [, mode, type, id, size, name] = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t([^]+)$/.exec(line) ?? []
    const path = decode(Buffer.from(name ?? '', 'latin1'), true)
    if (mode === undefined || type === undefined || id === undefined || path === undefined) {
      odd = true
      return []
    }
    return [{ mode, type, id, size: size === '-' ? 0 : Number(size), path }]
  })
  return { entries, odd }
}

const decode = (bytes: Uint8Array, ignoreBOM = false): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM }).decode(bytes)
  } catch {
    return undefined
  }
}

const refuse = (code: string, message: string, more: Pick<Problem, 'file' | 'remedy'> = {}): Problem => ({ stage: 'read', code, message, ...more })
const isHidden = (path: string): boolean => path.split('/').some((part) => part.startsWith('.'))
const narrower = 'put the files themselves there, or set policy.source.path to the folder that holds the policies'

/** What in a tree would be something else on disk than what it says here. Left out silently, a rule could be missing. */
const oddityOf = ({ mode, type, path }: Entry): Problem | undefined => {
  if (mode === '120000') return refuse('link', 'links are not followed in a repository', { file: path, remedy: narrower })
  if (type === 'commit') return refuse('submodule', 'submodules are not fetched', { file: path, remedy: narrower })
  return type === 'blob' ? undefined : refuse('unreadable', `is a ${type}, not a file`, { file: path })
}

const twice = (entries: readonly Entry[]): readonly Problem[] => {
  const seen = new Set<string>()
  return entries.filter(({ path }) => seen.size === seen.add(path).size).map(({ path }) => refuse('twice', 'the repository has this file twice', { file: path }))
}

/** One answer of `git cat-file --batch` after the other: `<id> blob <size>\n<bytes>\n`. */
const blobsOf = (out: Buffer, entries: readonly Entry[]): readonly Buffer[] | undefined => {
  const blobs: Buffer[] = []
  let at = 0
  for (const { id, size } of entries) {
    const head = Buffer.from(`${id} blob ${size}\n`)
    if (!out.subarray(at, at + head.length).equals(head)) return undefined
    at += head.length
    blobs.push(out.subarray(at, at + size))
    at += size + 1
  }
  return at === out.length ? blobs : undefined
}

const isPointer = (text: string): boolean => text.startsWith('version https://git-lfs.github.com/spec/')

/** The files of a folder at a commit that count for policies. Nothing is checked out: what the tree says of links, names and case never reaches a file system. */
export const readTree = async (place: GitPlace, commit: string, folder: string | undefined, signal?: AbortSignal): Promise<Tree> => {
  const options = signal === undefined ? {} : { signal }
  const found = await runGit(place, ['rev-parse', '--verify', '--quiet', '--end-of-options', folder === undefined ? `${commit}^{tree}` : `${commit}:${folder}`], options)
  if (!found.ok && folder !== undefined && found.status === 1) return { kind: 'read', files: new Map(), problems: [refuse('folder_missing', `the repository has no folder ${folder}`, { remedy: 'see policy.source.path' })] }
  if (!found.ok) return { kind: 'failed', failure: found }
  const listed = await runGit(place, ['ls-tree', '-r', '-z', '--long', '--full-tree', found.out.toString().trim()], { ...options, most: maximum })
  if (!listed.ok && listed.said.includes('not a tree object')) return { kind: 'read', files: new Map(), problems: [refuse('folder_missing', `${folder} is a file, not a folder`, { remedy: 'see policy.source.path' })] }
  if (!listed.ok) return { kind: 'failed', failure: listed }

  if (countOf(listed.out) > mostEntries) return { kind: 'read', files: new Map(), problems: [refuse('too_large', `the source has more than ${mostEntries} files`, { remedy: narrower })] }
  const { entries: all, odd } = entriesOf(listed.out)
  const entries = all.filter(({ path }) => !isHidden(path))
  const problems = [...entries.flatMap((entry) => oddityOf(entry) ?? []), ...twice(entries)]
  if (odd) problems.push(refuse('unreadable', 'the repository has a file whose name is not UTF-8'))
  const wanted = entries.filter(({ path, type }) => type === 'blob' && counts(path))
  if (wanted.reduce((sum, { size }) => sum + size, 0) > maximum) problems.push(refuse('too_large', `the source is larger than ${maximum / 1024 / 1024} MiB`))
  if (problems.length > 0) return { kind: 'read', files: new Map(), problems }

  const input = wanted.map(({ id }) => `${id}\n`).join('')
  const printed = await runGit(place, ['cat-file', '--batch', '--buffer'], { ...options, input, most: 2 * maximum })
  if (!printed.ok) return { kind: 'failed', failure: printed }
  const blobs = blobsOf(printed.out, wanted)
  if (blobs === undefined) return { kind: 'failed', failure: { ok: false, why: 'failed', said: 'an object is missing' } }
  const files = new Map<string, string>()
  wanted.forEach(({ path }, at) => {
    const text = decode(blobs[at] ?? Buffer.alloc(0))
    if (text === undefined) problems.push(refuse('unreadable', 'cannot be read: it is not UTF-8', { file: path }))
    else if (isPointer(text)) problems.push(refuse('lfs', 'Git LFS keeps this file elsewhere, where it is not fetched', { file: path, remedy: 'keep policies out of Git LFS' }))
    else files.set(path, text)
  })
  return { kind: 'read', files, problems }
}
