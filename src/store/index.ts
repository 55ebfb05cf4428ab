import { openSqliteReader } from './sqlite/record-reader.ts'
import { openPolicyActs } from './sqlite/policy-acts.ts'
import { createSqliteStore, prepareSqliteStore } from './sqlite/sqlite-store.ts'

/** The stores by the `kind` they have in the settings. */
export const stores = { sqlite: createSqliteStore } as const
/** What the supervisor of several processes does before they open theirs. */
export const preparations = { sqlite: prepareSqliteStore } as const satisfies Record<keyof typeof stores, unknown>
/** For whichever process runs the pipeline. */
export const policyActs = { sqlite: openPolicyActs } as const satisfies Record<keyof typeof stores, unknown>
/** What was recorded, for commands that read it beside a gateway that may be running. */
export const readers = { sqlite: openSqliteReader } as const satisfies Record<keyof typeof stores, unknown>
