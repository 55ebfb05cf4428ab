import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { writeDurably } from '../trust/write-durably.ts'

const place = z.strictObject({
  cursor: z.string().optional(),
  /** Milliseconds since the epoch; what was recorded before is not sent. */
  from: z.number(),
})
export type Place = z.infer<typeof place>

/** How far the server has everything; undefined where nothing was sent yet. Throws a text for people where that cannot be read; `check` throws at a cursor that is none. */
export function readPlace(file: string, check: (cursor: string | undefined) => unknown = () => undefined): Place | undefined {
  try {
    const read = place.parse(JSON.parse(readFileSync(file, 'utf8')))
    check(read.cursor)
    return read
  } catch (fault) {
    const { code, syscall } = fault as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Error(`${file}, which says how far decision logs were sent, ${syscall === undefined ? 'is damaged' : `cannot be read (${code})`}: bring it back, or delete it to begin with what is recorded from then on`)
  }
}

export const keepPlace = (file: string, next: Place): Promise<void> => writeDurably(file, Buffer.from(JSON.stringify(next)))
