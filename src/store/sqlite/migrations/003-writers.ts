import type { Migration } from '../migrate.ts'

/** Several processes write: what each of them left open is told from what the others are still at. */
export const writers: Migration = {
  version: 3,
  name: 'writers',
  sql: `
    ALTER TABLE session ADD COLUMN writer INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE open_exchange ADD COLUMN writer INTEGER NOT NULL DEFAULT 0;

    DROP TABLE writer_mark;
    -- The last batch of each writer that lasted: settles what is owed to callers when it dies between commit and answer.
    CREATE TABLE writer_mark (
      writer INTEGER PRIMARY KEY,
      run TEXT NOT NULL,
      op INTEGER NOT NULL,
      faults INTEGER NOT NULL
    ) STRICT;
  `,
}
