import type { Migration } from '../migrate.ts'

/** What people did about which bundle is active, and which bundles records name. */
export const policyActs: Migration = {
  version: 5,
  name: 'policy acts',
  sql: `
    CREATE TABLE policy_act (
      n INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('rollback', 'release', 'resume')),
      actor TEXT,
      reason TEXT NOT NULL,
      from_bundle TEXT NOT NULL,
      to_bundle TEXT
    ) STRICT;

    CREATE TABLE judging_bundle (bundle TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    INSERT INTO judging_bundle (bundle) SELECT DISTINCT bundle FROM event;
  `,
}
