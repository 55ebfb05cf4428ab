import type { Migration } from '../migrate.ts'

/** Findings may be kept once for what they have in common: no table is another, but a version from before cannot read such rows. */
export const findings: Migration = {
  version: 8,
  name: 'findings kept once for what they have in common',
  sql: '',
}
