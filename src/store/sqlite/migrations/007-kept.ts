import type { Migration } from '../migrate.ts'

/** What is kept for a while beside records: sealed values under keys and groups of which only digests are known here. */
export const kept: Migration = {
  version: 7,
  name: 'kept',
  sql: `
    CREATE TABLE kept (
      kind TEXT NOT NULL,
      key BLOB NOT NULL,
      sealed BLOB NOT NULL,
      version INTEGER NOT NULL,
      expires_at INTEGER,
      taken_at INTEGER,
      PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX kept_expires ON kept (expires_at) WHERE expires_at IS NOT NULL;

    CREATE TABLE kept_group (
      kind TEXT NOT NULL,
      member_of BLOB NOT NULL,
      key BLOB NOT NULL,
      PRIMARY KEY (kind, member_of, key),
      FOREIGN KEY (kind, key) REFERENCES kept (kind, key) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX kept_group_key ON kept_group (kind, key);
  `,
}
