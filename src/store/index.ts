import { createSqliteStore } from './sqlite/sqlite-store.ts'

/** The stores by the `kind` they have in the settings. */
export const stores = { sqlite: createSqliteStore } as const
