import type { Migration } from '../migrate.ts'

/** What a decision depended on beside what its event shows; events from before have none. */
export const basis: Migration = {
  version: 4,
  name: 'basis of decisions',
  sql: `ALTER TABLE event ADD COLUMN basis TEXT;`,
}
