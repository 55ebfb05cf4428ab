import type { DatabaseSync } from 'node:sqlite'
import type { Op } from './ops.ts'

type KeptOp = Extract<Op, readonly ['put_kept' | 'add_kept' | 'swap_kept' | 'take_kept' | 'drop_kept' | 'drop_kept_group' | 'expire_kept', ...unknown[]]>

const kinds: ReadonlySet<string> = new Set<KeptOp[0]>(['put_kept', 'add_kept', 'swap_kept', 'take_kept', 'drop_kept', 'drop_kept_group', 'expire_kept'])
export const isKeptOp = (op: Op): op is KeptOp => kinds.has(op[0])

/** Every change is one conditional statement: of any number of callers, one takes, adds or swaps. */
export function createKeptWrites(db: DatabaseSync): { apply(op: KeptOp): boolean } {
  // What was taken stays taken, whatever is put in its place.
  const put = db.prepare(
    `INSERT INTO kept (kind, key, sealed, version, expires_at) VALUES (:kind, :key, :sealed, 1, :expires)
     ON CONFLICT (kind, key) DO UPDATE SET sealed = excluded.sealed, version = version + 1, expires_at = excluded.expires_at`,
  )
  const dropDead = db.prepare('DELETE FROM kept WHERE kind = :kind AND key = :key AND expires_at <= :now')
  const add = db.prepare('INSERT INTO kept (kind, key, sealed, version, expires_at) VALUES (:kind, :key, :sealed, 1, :expires) ON CONFLICT DO NOTHING')
  const join = db.prepare('INSERT INTO kept_group (kind, member_of, key) VALUES (:kind, :group, :key) ON CONFLICT DO NOTHING')
  const swap = db.prepare('UPDATE kept SET sealed = :sealed, version = version + 1, expires_at = :expires WHERE kind = :kind AND key = :key AND version = :version')
  const take = db.prepare('UPDATE kept SET taken_at = :now WHERE kind = :kind AND key = :key AND taken_at IS NULL AND (expires_at IS NULL OR expires_at > :now)')
  const drop = db.prepare('DELETE FROM kept WHERE kind = :kind AND key = :key')
  const dropGroup = db.prepare('DELETE FROM kept WHERE kind = :kind AND key IN (SELECT key FROM kept_group WHERE kind = :kind AND member_of = :group)')
  const expire = db.prepare('DELETE FROM kept WHERE expires_at <= :now')

  return {
    apply(op) {
      switch (op[0]) {
        case 'put_kept':
        case 'add_kept': {
          const [name, kind, key, sealed, expires, now, ...groups] = op
          dropDead.run({ kind, key, now })
          if ((name === 'put_kept' ? put : add).run({ kind, key, sealed, expires }).changes === 0) return false
          for (const group of groups) join.run({ kind, key, group })
          return true
        }
        case 'swap_kept': {
          const [, kind, key, sealed, expires, version] = op
          return swap.run({ kind, key, sealed, expires, version }).changes === 1
        }
        case 'take_kept':
          return take.run({ kind: op[1], key: op[2], now: op[3] }).changes === 1
        case 'drop_kept':
          return drop.run({ kind: op[1], key: op[2] }).changes === 1
        case 'drop_kept_group':
          return dropGroup.run({ kind: op[1], group: op[2] }).changes > 0
        case 'expire_kept':
          return expire.run({ now: op[1] }).changes > 0
      }
    },
  }
}
