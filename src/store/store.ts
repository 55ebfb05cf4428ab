import type { ApprovalStore } from '../approval/approval-store.ts'
import type { KeptStore } from '../kept.ts'
import type { RecordStore, WriterState } from '../record/record-store.ts'

/** Everything the gateway keeps, whatever the database. */
export interface Store {
  readonly records: RecordStore
  readonly approvals: ApprovalStore
  readonly kept: KeptStore
  readonly files: StoreFiles
  state(): WriterState
  /** Resolves when everything that was accepted is durable and the database is closed. */
  close(): Promise<void>
}

/** What tells a store's files from others in their places. Whoever holds them open keeps their numbers from being given to others. */
export interface StoreFiles {
  readonly path: string
  /** Which of the gateways that ever took the store writes with these, counted. */
  readonly token: number
  readonly database: string | undefined
  readonly log: string | undefined
}
