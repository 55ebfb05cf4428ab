import type { Migration } from '../migrate.ts'

export const legs: Migration = {
  version: 2,
  name: 'legs of approved calls',
  sql: `ALTER TABLE approval ADD COLUMN legs INTEGER NOT NULL DEFAULT 0;`,
}
