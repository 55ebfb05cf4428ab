import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import type { Tables } from '../schema.ts'

/** Kysely over `node:sqlite`, for queries that only read: its dialect wants the few methods of another library's database. */
export function createReader(db: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        close: () => db.close(),
        prepare(text) {
          const statement = db.prepare(text)
          const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
          return {
            reader: true,
            all: (parameters) => statement.all(...values(parameters)),
            iterate: (parameters) => statement.iterate(...values(parameters)),
            run: (parameters) => statement.run(...values(parameters)),
          }
        },
      },
    }),
  })
}
