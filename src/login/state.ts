import type { AccountId } from '../account.ts'
import type { JsonObject, Person } from '../model.ts'
import type { ProviderTokens } from './provider.ts'

/** An account as it is kept. */
export interface AccountState {
  readonly id: AccountId
  readonly person: Person
  readonly signed_in_at: number
  /** When the provider last stood by the person. */
  readonly checked_at: number
  readonly renewal?: JsonObject
  readonly tokens?: ProviderTokens
  /** No process asks the provider before. */
  readonly not_before: number
  /** Whether `not_before` is there because one is asking. */
  readonly asking: boolean
}

export interface Bounds {
  /** How often a provider is asked about somebody. */
  readonly refresh: number
  /** For how long after that nothing need be learned, where a provider does not answer. */
  readonly grace: number
  /** For how long a sign-in is good whose provider cannot be asked again; and any session of a browser. */
  readonly session: number
}

/** Somebody is not waited for on the provider's account before that. */
const patience = 30_000

export const isDue = ({ renewal, checked_at }: AccountState, { refresh }: Bounds, now: number): boolean => renewal !== undefined && now >= checked_at + refresh
export const mustAsk = (state: AccountState, bounds: Bounds, now: number): boolean => isDue(state, bounds, now) && now >= state.checked_at + bounds.refresh + patience
export const isGood = ({ renewal, signed_in_at, checked_at }: AccountState, { refresh, grace, session }: Bounds, now: number): boolean =>
  now < (renewal === undefined ? signed_in_at + session : checked_at + refresh + grace)

/** What is kept is sealed, and was written by this gateway: its shape is taken on trust. */
export const readState = (value: JsonObject): AccountState => value as unknown as AccountState
export const writeState = (state: AccountState): JsonObject => JSON.parse(JSON.stringify(state)) as JsonObject

/** Whether something that one of them was, the other is not any more: what was let in for it must not go on. */
export const lost = (before: Person, after: Person): boolean =>
  (before.groups_known && !after.groups_known) || before.groups.some((group) => !after.groups.includes(group)) || (before.email !== undefined && before.email !== after.email)
export const isSame = (before: Person, after: Person): boolean =>
  before.groups_known === after.groups_known && before.email === after.email && before.groups.length === after.groups.length && before.groups.every((group) => after.groups.includes(group))
