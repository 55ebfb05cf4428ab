import { realpathSync, statSync } from 'node:fs'
import type { StoreFiles } from '../store.ts'

/** A file is locked under one name, by whichever of its names it was asked for. Throws where it has two that are equally its own. */
export function oneName(path: string): string {
  const real = realpathSync(path)
  if (statSync(real).nlink > 1) throw new Error(`the store ${path} has another name (a hard link), under which a second gateway could open it: keep one`)
  return real
}

/** Of a store that is open: before, it may have no log. */
export const filesOf = (path: string, token: number): StoreFiles => ({ path, token, database: numberOf(path), log: numberOf(logOf(path)) })

/**
 * Throws where a name stands for another file than was opened, or for none. SQLite writes on into files that were removed or replaced,
 * and says that it did: such records would be durable nowhere. And a second log beside the one that others have open breaks both.
 */
export function checkFiles({ path, database, log }: Omit<StoreFiles, 'token'>): void {
  if (numberOf(path) !== database) throw gone(path)
  if (numberOf(logOf(path)) !== log) throw gone(logOf(path))
}

const logOf = (path: string): string => `${path}-wal`
const numberOf = (file: string): string | undefined => {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino}`
}
const gone = (file: string): Error => new Error(`${file} was removed or replaced while it was open: start the gateway again`)
