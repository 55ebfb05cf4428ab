import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Everything that a gateway keeps beside its store, with the store: whatever must be in none of it is looked for in all. */
export const storedFiles = (directory: string): readonly { readonly name: string; readonly bytes: Buffer }[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => ({ isFile: entry.isFile(), path: join(entry.parentPath, entry.name) }))
    .filter(({ isFile, path }) => isFile && path.slice(directory.length + 1).startsWith('sallyport.db'))
    .map(({ path }) => ({ name: path.slice(directory.length + 1), bytes: readFileSync(path) }))
