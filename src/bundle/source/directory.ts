import { readdirSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'
import { readDirectory } from './read-directory.ts'
import type { Source, Watching } from './source.ts'

export interface WatchOptions {
  readonly onChange: () => void
  /** Told of each look that found everything as it was. */
  readonly onCurrent?: (() => void) | undefined
  /** Milliseconds of quiet before a change is told: an editor writes a file in several steps. */
  readonly quiet?: number
  /** Milliseconds between looks. */
  readonly interval?: number
}

/** Names, sizes and times of all files: enough to see that something was saved. */
const snapshot = (path: string): string => {
  const seen: string[] = []
  try {
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()) {
      const found = statSync(join(path, name), { throwIfNoEntry: false })
      seen.push(`${name} ${found?.size ?? ''} ${found?.mtimeMs ?? ''} ${found?.ino ?? ''}`)
    }
  } catch (fault) {
    // A directory that is gone differs from one that was there; the next look may find it again.
    seen.push(String(fault))
  }
  return seen.join('\n')
}

/** The same of one file: it may be replaced, and so may what a link leads to. */
const snapshotOfFile = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false })
  return `${found?.size ?? ''} ${found?.mtimeMs ?? ''} ${found?.ino ?? ''}`
}

/** What is looked at, and where the system tells that it may have changed. */
interface Watched {
  readonly place: string
  readonly recursive: boolean
  readonly snapshot: () => string
}

/**
 * Tells once of each burst of changes below a directory. The system's notices make it quick; a look now and then makes it sure,
 * where there are none (network file systems, too many watches) or the directory itself was replaced.
 */
export const watchDirectory = (path: string, options: WatchOptions): Watching => watchFor({ place: path, recursive: true, snapshot: () => snapshot(path) }, options)

/** As `watchDirectory`, of one file. */
export const watchFile = (path: string, options: WatchOptions): Watching => watchFor({ place: dirname(path), recursive: false, snapshot: () => snapshotOfFile(path) }, options)

const watchFor = ({ place, recursive, snapshot: see }: Watched, { onChange, onCurrent, quiet = 100, interval = 2000 }: WatchOptions): Watching => {
  let last = see()
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    const now = see()
    if (now === last) return onCurrent?.()
    last = now
    onChange()
  }
  const notice = (): void => {
    clearTimeout(timer)
    timer = setTimeout(look, quiet)
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(place, { recursive, persistent: false }, notice)
    watcher.on('error', () => watcher?.close())
  } catch {
    watcher = undefined
  }
  const looking = setInterval(look, interval).unref()
  return {
    close: () => {
      clearTimeout(timer)
      clearInterval(looking)
      watcher?.close()
    },
  }
}

export const createDirectorySource = (path: string): Source => ({
  read: () => readDirectory(path),
  watch: (onChange, onCurrent) => watchDirectory(path, { onChange, onCurrent }),
})
