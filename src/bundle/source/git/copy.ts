import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitResult, GitRun } from './run.ts'

/** So many fetches leave their own file before they are put together. */
const mostPacks = 40
const putTogetherWithin = 120_000
const measureEvery = 250

/** The bare copy as it is on the disk. All of it can be made anew at any time. */
export const createCopy = (directory: string, run: (args: readonly string[], options?: GitRun) => Promise<GitResult>) => {
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })

  return {
    remove,
    async prepare(): Promise<GitResult> {
      const isThere = (await run(['rev-parse', '--is-bare-repository'])).ok
      if (isThere) return { ok: true, out: Buffer.alloc(0) }
      await remove()
      await mkdir(directory, { recursive: true, mode: 0o700 })
      return run(['init', '--bare', '--quiet', '--template=', '--initial-branch=none'])
    },
    async tidy(): Promise<void> {
      const files = await readdir(join(directory, 'objects/pack')).catch((): string[] => [])
      // What a fetch that was ended left behind.
      await Promise.all(files.filter((file) => file.startsWith('tmp_')).map((file) => rm(join(directory, 'objects/pack', file), { force: true })))
      if (files.filter((file) => file.endsWith('.pack')).length > mostPacks && !(await run(['gc', '--quiet', '--prune=now'], { within: putTogetherWithin })).ok) await remove()
    },
    /** Ends what makes it larger than it may be. */
    async bounded(most: number, grow: (tooLarge: AbortSignal) => Promise<GitResult>): Promise<GitResult> {
      const tooLarge = new AbortController()
      let measuring = false
      const timer = setInterval(() => {
        if (measuring) return
        measuring = true
        void sizeOf(directory).then((size) => {
          measuring = false
          if (size > most) tooLarge.abort()
        })
      }, measureEvery)
      const grown = await grow(tooLarge.signal)
      clearInterval(timer)
      if (!tooLarge.signal.aborted && (await sizeOf(directory)) <= most) return grown
      // The next try begins with the newest commit alone.
      await remove()
      return { ok: false, why: 'too_large', said: '' }
    },
  }
}

async function sizeOf(directory: string): Promise<number> {
  const sizes = await Promise.all((await readdir(directory, { recursive: true }).catch(() => [])).map((name) => stat(join(directory, name)).then(({ size }) => size, () => 0)))
  return sizes.reduce((sum, size) => sum + size, 0)
}
