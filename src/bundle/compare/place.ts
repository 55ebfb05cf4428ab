import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Problem } from '../problem.ts'
import { addRules } from '../rules/with-rules.ts'
import { runGit, type GitPlace } from '../source/git/run.ts'
import { readTree } from '../source/git/tree.ts'
import { sourcesOf } from '../source/read-directory.ts'
import { readPlace } from '../source/source-of.ts'
import type { Read } from '../source/sources.ts'

export interface PlaceOptions {
  /** The directory of policies, in which a commit is looked at. */
  readonly directory: string
  /** A file of YAML rules that the gateway has beside its source. A bundle brings its rules along. */
  readonly rules?: string | undefined
  /** The file of a bundle that was active; undefined where it is not to be had. */
  readonly kept?: ((digest: string) => Promise<string | undefined>) | undefined
}

const refuse = (code: string, message: string, remedy?: string): Read => ({ ok: false, problems: [{ stage: 'read', code, message, ...(remedy === undefined ? {} : { remedy }) } satisfies Problem] })
export const isDigest = (text: string): boolean => /^bnd_[0-9a-f]{32}$/.test(text)

/** What a person names: a directory, the file of a bundle, the digest of a bundle that was active, or a commit (`main`, `v1.2`, `HEAD~3`, `main:policies`). */
export async function readNamed(text: string, { directory, rules, kept }: PlaceOptions): Promise<Read> {
  if (isDigest(text)) {
    if (kept === undefined) return refuse('not_kept', `${text} is looked for where the gateway keeps its bundles, which only its configuration names`, 'give --config')
    const path = await kept(text)
    return path === undefined ? refuse('not_kept', `the bundle ${text} is not to be had from there`) : readPlace({ kind: 'bundle', path })
  }
  const found = await stat(text).catch(() => undefined)
  if (found?.isDirectory() === true) return addRules(await readPlace({ kind: 'directory', path: text }), { file: rules })
  if (found?.isFile() === true) return readPlace({ kind: 'bundle', path: text })
  return addRules(await readCommit(text, directory), { file: rules })
}

const run = promisify(execFile)

async function readCommit(text: string, directory: string): Promise<Read> {
  const unknown = refuse('unreadable', `${text} is no directory, no bundle and no commit`, 'name one of them; a commit is looked for in the repository of --dir, or of the current directory')
  const [name = '', folder] = text.split(/:(.*)/s)
  if (name === '' || name.startsWith('-')) return unknown
  const cwd = (await stat(directory).catch(() => undefined))?.isDirectory() === true ? directory : '.'
  const top = await run('git', ['rev-parse', '--absolute-git-dir', '--show-toplevel'], { cwd }).then(({ stdout }) => stdout.trim().split('\n'), () => undefined)
  const [repository, root] = top ?? []
  if (repository === undefined || root === undefined) return unknown
  const home = await mkdtemp(join(tmpdir(), 'sallyport-'))
  try {
    const place: GitPlace = { repository, home, transport: 'file' }
    const commit = await runGit(place, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
    if (!commit.ok) return unknown
    const digest = commit.out.toString().trim()
    const inside = folder ?? relative(root, await realpath(directory).catch(() => resolve(directory)))
    const tree = await readTree(place, digest, inside === '' ? undefined : inside)
    if (tree.kind === 'failed') return refuse('unreadable', `the commit ${digest} cannot be read: ${tree.failure.said}`)
    if (tree.problems.length > 0) return { ok: false, problems: tree.problems }
    return sourcesOf(tree.files, { revision: digest, commit: digest })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
