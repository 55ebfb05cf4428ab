import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { GatewayError } from '../../errors.ts'
import type { Tables } from '../schema.ts'

/** Kysely over `node:sqlite`, for queries that only read: its dialect wants the few methods of another library's database. */
export function createReader(db: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        close: () => db.close(),
        prepare(text) {
          const statement = orUnavailable(() => db.prepare(text))
          const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
          return {
            reader: true,
            all: (parameters) => orUnavailable(() => statement.all(...values(parameters))),
            iterate: (parameters) => statement.iterate(...values(parameters)),
            run: (parameters) => orUnavailable(() => statement.run(...values(parameters))),
          }
        },
      },
    }),
  })
}

/** A disk that cannot be read is the same fault to callers as one that cannot be written. */
function orUnavailable<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new GatewayError('record_unavailable', { cause, detail: `the store cannot be read: ${(cause as Error).message}` })
  }
}
