import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Opa } from './opa.ts'
import type { Problem } from './problem.ts'
import { readOwn } from './source/read-directory.ts'

export type Formatted = { readonly ok: true; readonly changed: readonly string[] } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Which files of a directory `opa fmt` would write otherwise; with `write` they are written so. */
export const formatDirectory = async (path: string, { opa, write }: { readonly opa: Opa; readonly write: boolean }): Promise<Formatted> => {
  const own = await readOwn(path)
  if (!own.ok) return own
  const formatted = await opa.fmt(own.modules)
  if (!formatted.ok) return formatted
  const changed = Object.entries(formatted.result).filter(([file, text]) => own.modules[file] !== text)
  if (write) for (const [file, text] of changed) await writeFile(join(path, file), text)
  return { ok: true, changed: changed.map(([file]) => file) }
}
