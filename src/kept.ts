import { isObject } from './exact-json.ts'
import type { Clock, JsonObject } from './model.ts'
import { createSealing } from './sealing.ts'

export interface KeptRow {
  readonly kind: string
  readonly key: Uint8Array
  readonly sealed: Uint8Array
  readonly version: number
  readonly expires_at: number | null
  readonly taken_at: number | null
}
export type NewKept = Pick<KeptRow, 'kind' | 'key' | 'sealed' | 'expires_at'> & { readonly groups: readonly Uint8Array[] }

/** Rows as a database keeps them. Every change is durable when it resolves, and is one step: of several callers, one succeeds. */
export interface KeptStore {
  put(row: NewKept, now: number): Promise<void>
  /** False where there is one that has not expired. */
  add(row: NewKept, now: number): Promise<boolean>
  swap(row: Omit<NewKept, 'groups'>, version: number): Promise<boolean>
  take(kind: string, key: Uint8Array, now: number): Promise<boolean>
  drop(kind: string, key: Uint8Array): Promise<boolean>
  dropGroup(kind: string, group: Uint8Array): Promise<boolean>
  expire(now: number): Promise<boolean>
  get(kind: string, key: Uint8Array): Promise<KeptRow | undefined>
  list(kind: string, group?: Uint8Array): Promise<readonly KeptRow[]>
}

export interface KeepOptions {
  /** Milliseconds since the epoch; kept until dropped where there is none. */
  readonly expiresAt?: number
  /** What it can be found and dropped by together with others of its kind. */
  readonly groups?: readonly string[]
}
export interface KeptValue {
  readonly value: JsonObject
  /** Counts the changes; `swap` wants it. */
  readonly version: number
  readonly expiresAt?: number
  readonly takenAt?: number
}

/**
 * What people and clients are known by, and what is theirs: sign-ins, grants, codes, tokens. Values are sealed and keys are
 * digested under the store's key, so that who reads the database can neither use nor tell any of them. What has expired is not there.
 */
export interface Kept {
  get(kind: string, key: string): Promise<KeptValue | undefined>
  /** In place of what was there; that it was taken stays. */
  put(kind: string, key: string, value: JsonObject, options?: KeepOptions): Promise<void>
  /** True for the first only: what may happen once. */
  add(kind: string, key: string, value: JsonObject, options?: KeepOptions): Promise<boolean>
  /** False where it has changed since `version`. */
  swap(kind: string, key: string, value: JsonObject, version: number, options?: Pick<KeepOptions, 'expiresAt'>): Promise<boolean>
  /** Marks it as used; true for the first only. */
  take(kind: string, key: string): Promise<boolean>
  drop(kind: string, key: string): Promise<boolean>
  /** Everything of a kind in a group. */
  dropGroup(kind: string, group: string): Promise<boolean>
  list(kind: string, group?: string): Promise<readonly KeptValue[]>
  /** Erases what has expired. */
  sweep(): Promise<void>
}

export function createKept(store: KeptStore, storeKey: Uint8Array, clock: Clock): Kept {
  const sealing = createSealing(storeKey, { seal: 'kept', digest: 'kept digest' })
  const digest = (...about: readonly string[]): Uint8Array => Uint8Array.from(Buffer.from(sealing.digest(JSON.stringify(about)), 'hex'))
  const keyOf = (kind: string, key: string) => digest(kind, 'key', key)
  const groupOf = (kind: string, group: string) => digest(kind, 'group', group)
  const about = (kind: string, key: Uint8Array): readonly string[] => [kind, Buffer.from(key).toString('hex')]

  const rowOf = (kind: string, name: string, value: JsonObject, { expiresAt, groups = [] }: KeepOptions): NewKept => {
    const key = keyOf(kind, name)
    return { kind, key, sealed: sealing.seal(JSON.stringify(value), about(kind, key)), expires_at: expiresAt ?? null, groups: groups.map((group) => groupOf(kind, group)) }
  }
  const open = ({ kind, key, sealed, version, expires_at, taken_at }: KeptRow): KeptValue | undefined => {
    if (expires_at !== null && expires_at <= clock()) return undefined
    const text = sealing.open(sealed, about(kind, key))
    const value: unknown = text === undefined ? undefined : JSON.parse(text)
    // Sealed under another key, or moved here from another place: of no use to anybody.
    if (!isObject(value)) return undefined
    return { value: value as JsonObject, version, ...(expires_at === null ? {} : { expiresAt: expires_at }), ...(taken_at === null ? {} : { takenAt: taken_at }) }
  }

  return {
    async get(kind, key) {
      const row = await store.get(kind, keyOf(kind, key))
      return row === undefined ? undefined : open(row)
    },
    put: (kind, key, value, options = {}) => store.put(rowOf(kind, key, value, options), clock()),
    add: (kind, key, value, options = {}) => store.add(rowOf(kind, key, value, options), clock()),
    swap: (kind, key, value, version, options = {}) => store.swap(rowOf(kind, key, value, options), version),
    take: (kind, key) => store.take(kind, keyOf(kind, key), clock()),
    drop: (kind, key) => store.drop(kind, keyOf(kind, key)),
    dropGroup: (kind, group) => store.dropGroup(kind, groupOf(kind, group)),
    async list(kind, group) {
      const rows = await store.list(kind, group === undefined ? undefined : groupOf(kind, group))
      return rows.map(open).filter((value) => value !== undefined)
    },
    async sweep() {
      await store.expire(clock())
    },
  }
}

/** For what anybody can have written without saying who they are: each process keeps at most so many of a kind. The oldest make room, so that nobody is kept out. */
export function createBounded(kept: Pick<Kept, 'put' | 'drop'>, { kind, most, clock }: { readonly kind: string; readonly most: number; readonly clock: Clock }) {
  /** When each expires by itself, the oldest first. */
  const alive = new Map<string, number>()

  function oneTooMany(): string | undefined {
    for (const [key, expiresAt] of alive) {
      if (expiresAt > clock() && alive.size <= most) return undefined
      alive.delete(key)
      if (expiresAt > clock()) return key
    }
    return undefined
  }
  return {
    async put(key: string, value: JsonObject, options: KeepOptions & { readonly expiresAt: number }): Promise<void> {
      alive.delete(key)
      alive.set(key, options.expiresAt)
      const oldest = oneTooMany()
      if (oldest !== undefined) await kept.drop(kind, oldest)
      await kept.put(kind, key, value, options)
    },
  }
}
export type Bounded = ReturnType<typeof createBounded>
