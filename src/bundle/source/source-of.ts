import { readFile } from 'node:fs/promises'
import { messageOf } from '../../errors.ts'
import { unpackBundle } from '../trust/bundle-file.ts'
import { readDirectory } from './read-directory.ts'
import type { Read } from './sources.ts'

export type Place = { readonly kind: 'directory'; readonly path: string } | { readonly kind: 'bundle'; readonly path: string }

/** A source from where a person says it is. */
export const readPlace = async (place: Place): Promise<Read> => {
  if (place.kind === 'directory') return readDirectory(place.path)
  try {
    return await unpackBundle(await readFile(place.path))
  } catch (fault) {
    const message = `${place.path} cannot be read: ${messageOf(fault)}`
    return { ok: false, problems: [{ stage: 'read', code: 'unreadable', message }] }
  }
}
