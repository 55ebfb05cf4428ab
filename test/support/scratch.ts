import { accessSync, constants, mkdtempSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const memory = '/dev/shm'
const enough = 1024 ** 3

/** Stores are kept in memory where there is room: a disk that takes seconds for one commit has the gateway refuse calls, as it should. */
function place(): string {
  try {
    accessSync(memory, constants.W_OK)
    const { bavail, bsize } = statfsSync(memory)
    return bavail * bsize > enough ? memory : tmpdir()
  } catch {
    return tmpdir()
  }
}

/** A new directory for a store and what stands beside it; after its suite it is gone (environment.ts). */
export function storeDirectory(name: string): string {
  const directory = mkdtempSync(join(place(), name))
  const { storeDirectories } = globalThis as { storeDirectories?: string[] }
  storeDirectories?.push(directory)
  return directory
}
