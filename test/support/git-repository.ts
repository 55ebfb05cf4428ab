import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const environment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'], HOME: home, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com',
})

export interface Committing {
  /** A private SSH key that signs the commit. */
  readonly key?: string
  readonly links?: Readonly<Record<string, string>>
  /** A commit to put this one on, in place of the last. */
  readonly on?: string
  readonly force?: boolean
  readonly branch?: string
}
/** Somebody's clone of a bare repository. */
export interface Clone {
  git(...args: string[]): string
  /** Commits these files, `null` removes one, and pushes them; answers the commit. */
  push(files: Readonly<Record<string, string | null | Uint8Array>>, how?: Committing): string
}
export interface GitRepository extends Clone {
  readonly path: string
  readonly url: string
  clone(): Clone
  remove(): void
}

/** A bare repository with a clone to push from, by the system's git. */
export const createRepository = (): GitRepository => {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-repository-'))
  const path = join(root, 'policies.git')
  const run = (cwd: string, args: readonly string[]): string => execFileSync('git', args, { cwd, env: environment(root), stdio: ['ignore', 'pipe', 'pipe'] }).toString().trim()
  run(root, ['init', '--quiet', '--bare', '--initial-branch=main', path])
  let clones = 0
  const clone = (): Clone => {
    const work = join(root, `clone-${++clones}`)
    run(root, ['clone', '--quiet', path, work])
    const git = (...args: string[]): string => run(work, args)
    return {
      git,
      push(files, { key, links = {}, on, force = false, branch = 'main' } = {}) {
        if (on !== undefined) git('reset', '--quiet', '--hard', on)
        for (const [name, text] of Object.entries(files)) {
          const file = join(work, name)
          rmSync(file, { force: true })
          mkdirSync(dirname(file), { recursive: true })
          if (text !== null) writeFileSync(file, text)
        }
        for (const [name, target] of Object.entries(links)) {
          mkdirSync(dirname(join(work, name)), { recursive: true })
          symlinkSync(target, join(work, name))
        }
        git('add', '--all')
        git(...(key === undefined ? [] : ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${key}`]), 'commit', '--quiet', '--allow-empty', '--message=change', ...(key === undefined ? [] : ['-S']))
        git('push', '--quiet', ...(force ? ['--force'] : []), 'origin', `HEAD:refs/heads/${branch}`)
        return git('rev-parse', 'HEAD')
      },
    }
  }
  return { path, url: `file://${path}`, ...clone(), clone, remove: () => rmSync(root, { recursive: true, force: true }) }
}
