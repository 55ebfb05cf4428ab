import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'

const again = 50

/** The kernel's lock, which ends with the process however it ends; undefined where others hold it that long. */
async function take(path: string, patience: number, signal: AbortSignal | undefined): Promise<DatabaseSync | undefined> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  for (const end = performance.now() + patience; ; await wait(again, undefined, { signal })) {
    const lock = new DatabaseSync(path, { timeout: 0 })
    try {
      lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
      return lock
    } catch (error) {
      lock.close()
      if (!/locked|busy/i.test(String(error))) throw error
    }
    if (performance.now() > end) return undefined
  }
}

/** Does something while no other process of this person does the same. */
export async function alone<T>(path: string, patience: number, act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const lock = await take(path, patience, signal)
  if (lock === undefined) throw new Error(`another sallyport has held ${path} for ${Math.round(patience / 1000)} s: end it, and try again`)
  try {
    return await act()
  } finally {
    lock.close()
  }
}
