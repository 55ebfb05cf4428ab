import type { Kysely } from 'kysely'
import type { KeptStore } from '../../kept.ts'
import { getKept, listKept } from '../queries/kept.ts'
import type { Tables } from '../schema.ts'
import type { WriteQueue } from './write-queue.ts'

export function createKeptStore(queue: WriteQueue, db: Kysely<Tables>): KeptStore {
  return {
    async put({ kind, key, sealed, expires_at, groups }, now) {
      await queue.write(['put_kept', kind, key, sealed, expires_at, now, ...groups], sealed.length)
    },
    async add({ kind, key, sealed, expires_at, groups }, now) {
      return (await queue.write(['add_kept', kind, key, sealed, expires_at, now, ...groups], sealed.length)) === true
    },
    async swap({ kind, key, sealed, expires_at }, version) {
      return (await queue.write(['swap_kept', kind, key, sealed, expires_at, version], sealed.length)) === true
    },
    take: async (kind, key, now) => (await queue.write(['take_kept', kind, key, now])) === true,
    drop: async (kind, key) => (await queue.write(['drop_kept', kind, key])) === true,
    dropGroup: async (kind, group) => (await queue.write(['drop_kept_group', kind, group])) === true,
    expire: async (now) => (await queue.write(['expire_kept', now])) === true,
    get: (kind, key) => getKept(db, kind, key),
    list: (kind, group) => listKept(db, kind, group),
  }
}
