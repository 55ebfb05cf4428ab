import type { Kysely } from 'kysely'
import type { KeptRow } from '../../kept.ts'
import type { Tables } from '../schema.ts'

const columns = ['kind', 'key', 'sealed', 'version', 'expires_at', 'taken_at'] as const

export const getKept = (db: Kysely<Tables>, kind: string, key: Uint8Array): Promise<KeptRow | undefined> =>
  db.selectFrom('kept').select(columns).where('kind', '=', kind).where('key', '=', key).executeTakeFirst()

export const listKept = (db: Kysely<Tables>, kind: string, group: Uint8Array | undefined): Promise<readonly KeptRow[]> =>
  group === undefined
    ? db.selectFrom('kept').select(columns).where('kind', '=', kind).execute()
    : db.selectFrom('kept').select(columns).where('kind', '=', kind)
        .where('key', 'in', (e) => e.selectFrom('kept_group').select('key').where('kind', '=', kind).where('member_of', '=', group)).execute()
