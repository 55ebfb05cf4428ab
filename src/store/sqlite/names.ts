import { realpathSync, statSync } from 'node:fs'

/** A file is locked under one name, by whichever of its names it was asked for. Throws where it has two that are equally its own. */
export function oneName(path: string): string {
  const real = realpathSync(path)
  if (statSync(real).nlink > 1) throw new Error(`the store ${path} has another name (a hard link), under which a second gateway could open it: keep one`)
  return real
}

/** Throws where the file is not the one that was meant. */
export function checkIsStill(path: string, file: string): void {
  if (identityOf(path) !== file) throw gone(path)
}

export interface Names {
  /** Throws where the file is not the one that was opened first, or nothing that is opened now would be whole. */
  mayOpen(): void
  /** Once database and log are open. */
  opened(): void
  /** Throws where a name stands for another file than was opened, or for none. */
  check(): void
}

/** What tells a file from another in its place. */
export const identityOf = (file: string): string | undefined => {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino}`
}
const gone = (file: string): Error => new Error(`${file} was removed or replaced while it was open: start the gateway again`)

/** SQLite writes on into files that were removed or replaced, and says that it did: such records would be durable nowhere. */
export function createNames(path: string): Names {
  const log = `${path}-wal`
  let first: string | undefined
  let openLog: string | undefined
  let isLogLost = false

  const names: Names = {
    mayOpen() {
      // Readers go on with the log they have open, so a second one beside it is none. They hold it: no other file can have its number.
      isLogLost &&= identityOf(log) !== openLog
      if (isLogLost) throw gone(log)
      if (first !== undefined && identityOf(path) !== first) throw gone(path)
    },
    opened() {
      first ??= identityOf(path)
      openLog = identityOf(log)
    },
    check() {
      isLogLost = identityOf(log) !== openLog
      names.mayOpen()
    },
  }
  return names
}
