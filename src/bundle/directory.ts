import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readDirectory } from './read-directory.ts'
import type { Read } from './sources.ts'

export interface Watching {
  close(): void
}
export interface WatchOptions {
  readonly onChange: () => void
  /** Milliseconds of quiet before a change is told: an editor writes a file in several steps. */
  readonly quiet?: number
  /** Milliseconds between looks, where the system cannot tell of changes. */
  readonly interval?: number
}

/** Names, sizes and times of all files: enough to see that something was saved. */
const snapshot = async (path: string): Promise<string> => {
  const names = await readdir(path, { recursive: true }).catch(() => [])
  const seen = await Promise.all(
    names.sort().map(async (name) => {
      const found = await stat(join(path, name)).catch(() => undefined)
      return `${name} ${found?.size ?? ''} ${found?.mtimeMs ?? ''}`
    }),
  )
  return seen.join('\n')
}

const poll = (path: string, interval: number, tell: () => void): Watching => {
  let last = snapshot(path)
  const timer = setInterval(() => {
    const before = last
    last = before.then(async (old) => {
      const now = await snapshot(path)
      if (now !== old) tell()
      return now
    })
  }, interval).unref()
  return { close: () => clearInterval(timer) }
}

/** Tells once of each burst of changes below a directory. */
export const watchDirectory = (path: string, { onChange, quiet = 100, interval = 500 }: WatchOptions): Watching => {
  let timer: NodeJS.Timeout | undefined
  let watching: Watching | undefined
  let closed = false
  const tell = (): void => {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(onChange, quiet)
  }
  const fallBack = (): void => {
    watching?.close()
    if (!closed) watching = poll(path, interval, tell)
  }
  try {
    const watcher: FSWatcher = watch(path, { recursive: true, persistent: false }, tell)
    // Too many watches, a network file system, or the directory itself replaced.
    watcher.on('error', fallBack)
    watching = watcher
  } catch {
    fallBack()
  }
  return {
    close: () => {
      closed = true
      clearTimeout(timer)
      watching?.close()
    },
  }
}

/** Where bundles come from. `watch` tells that `read` may answer something new. */
export interface Source {
  read(): Promise<Read>
  watch?(onChange: () => void): Watching
}

export const createDirectorySource = (path: string): Source => ({
  read: () => readDirectory(path),
  watch: (onChange) => watchDirectory(path, { onChange }),
})
