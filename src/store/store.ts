import type { ApprovalStore } from '../approval/approval-store.ts'
import type { KeptStore } from '../kept.ts'
import type { RecordStore, WriterState } from '../record/record-store.ts'

/** Everything the gateway keeps, whatever the database. */
export interface Store {
  readonly records: RecordStore
  readonly approvals: ApprovalStore
  readonly kept: KeptStore
  state(): WriterState
  /** Resolves when everything that was accepted is durable and the database is closed. */
  close(): Promise<void>
}
