import { stat } from 'node:fs/promises'
import type { Settings } from '../config/schema.ts'
import { messageOf } from '../errors.ts'
import type { Check } from './doctor.ts'

/** Whether this version can go on with the store that is there, if there is one. A gateway may be running on it. */
export const checkStoreVersion = async ({ store: { path } }: Settings): Promise<readonly Check[]> => {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.size === 0) return []
  const [{ openForReading }, { schemaVersion }, { migrations }] = await Promise.all([
    import('../store/sqlite/database.ts'), import('../store/sqlite/migrate.ts'), import('../store/sqlite/migrations/index.ts'),
  ])
  const say = (state: Check['state'], says: string, remedy?: string): readonly Check[] => [{ check: 'store', state, says: `${path} ${says}`, ...(remedy === undefined ? {} : { remedy }) }]
  try {
    const db = openForReading(path)
    try {
      const [own, newest] = [schemaVersion(db), migrations.at(-1)?.version ?? 0]
      if (own > newest) return say('failed', `was written by a newer version (schema ${own}, this version knows ${newest})`, 'start that version, or restore a backup of before')
      if (own < newest) return say('warning', `is of schema ${own}, and the start brings it to ${newest}: an earlier version cannot be started on it afterwards`, 'keep a backup of it; docs/operating.md says how')
      return say('ok', 'is of this version')
    } finally {
      db.close()
    }
  } catch (error) {
    return say('failed', `cannot be read as a store of a gateway: ${messageOf(error)}`, 'set another store.path, or restore a backup')
  }
}
