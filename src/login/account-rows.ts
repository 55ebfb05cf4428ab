import type { AccountId } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock } from '../model.ts'
import { isGood, readState, writeState, type AccountState, type Bounds } from './state.ts'

/** An account as this process last read it. */
export interface Entry {
  readonly state: AccountState
  readonly readAt: number
  usedAt: number
}
export interface Row {
  readonly state: AccountState
  readonly version: number
}

const kind = 'login:account'
const rereadAfter = 10_000
/** An account that nobody asked for in so long is forgotten. */
export const unusedFor = 30 * 24 * 60 * 60_000

export type AccountRows = ReturnType<typeof createAccountRows>

/** Accounts in the store, and what of them is at hand here. */
export function createAccountRows({ kept, bounds, clock }: { readonly kept: Kept; readonly bounds: Bounds; readonly clock: Clock }) {
  const here = new Map<AccountId, Entry>()
  const expiryOf = ({ renewal, signed_in_at, checked_at }: AccountState): number => (renewal === undefined ? signed_in_at + bounds.session : checked_at + unusedFor)

  const remember = (state: AccountState): void => {
    here.set(state.id, { state, readAt: clock(), usedAt: here.get(state.id)?.usedAt ?? 0 })
  }
  async function row(id: AccountId): Promise<Row | undefined> {
    const found = await kept.get(kind, id)
    if (found === undefined) {
      here.delete(id)
      return undefined
    }
    const state = readState(found.value)
    remember(state)
    return { state, version: found.version }
  }
  return {
    here, row, expiryOf,
    /** Nobody is turned away by what is at hand: their sign-in may be newer, at another process. */
    async current(id: AccountId): Promise<AccountState | undefined> {
      const entry = here.get(id)
      const isEnough = entry !== undefined && Math.abs(clock() - entry.readAt) < rereadAfter && isGood(entry.state, bounds, clock())
      return isEnough ? entry.state : (await row(id))?.state
    },
    /** In place of what was read, or where nothing was; false where it is another by now. */
    async write(state: AccountState, version: number | undefined): Promise<boolean> {
      const expires = { expiresAt: expiryOf(state) }
      const isWritten = version === undefined ? await kept.add(kind, state.id, writeState(state), expires) : await kept.swap(kind, state.id, writeState(state), version, expires)
      if (isWritten) remember(state)
      else await row(state.id)
      return isWritten
    },
    async drop(id: AccountId): Promise<void> {
      await kept.drop(kind, id)
      here.delete(id)
    },
    list: async (): Promise<readonly AccountState[]> => (await kept.list(kind)).map(({ value }) => readState(value)),
  }
}
