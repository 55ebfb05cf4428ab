import type { DatabaseSync } from 'node:sqlite'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

/** Brings a database to the newest version: each migration lasts whole or not at all, so a crash leaves the old or the new one. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[]): void {
  db.exec('CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT')
  const newest = migrations.at(-1)?.version ?? 0
  const found = schemaVersion(db)
  if (found > newest) {
    throw new Error(`the store was written by a newer version (schema ${found}, this version knows ${newest}); start that version, or restore a backup`)
  }
  for (const migration of migrations.filter((each) => each.version > found)) {
    db.exec('BEGIN IMMEDIATE')
    try {
      db.exec(migration.sql)
      db.prepare('INSERT INTO migration (version, name) VALUES (?, ?)').run(migration.version, migration.name)
      db.exec('COMMIT')
    } catch (cause) {
      // SQLite ends the transaction itself after some faults of the disk.
      if (db.isTransaction) db.exec('ROLLBACK')
      throw new Error(`the store could not be brought to schema ${migration.version} (${migration.name})`, { cause })
    }
  }
}

export function schemaVersion(db: DatabaseSync): number {
  const row = db.prepare('SELECT max(version) AS version FROM migration').get()
  return Number(row?.['version'] ?? 0)
}
