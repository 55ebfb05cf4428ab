import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { describeApprovalStore } from '../contract/approval-store.ts'
import { describeRecordStore } from '../contract/record-store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

async function open() {
  const place = scratch()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  return {
    ...store,
    async close() {
      await store.close()
      place.remove()
    },
  }
}

describeRecordStore('SQLite', open)
describeApprovalStore('SQLite', open)
