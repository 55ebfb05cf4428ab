import { setTimeout as pause } from 'node:timers/promises'
import type { AccountId } from '../account.ts'
import type { Clock, Logger, Person } from '../model.ts'
import type { AccountRows } from './account-rows.ts'
import type { Renewed, SignInProvider } from './provider.ts'
import { isDue, type AccountState, type Bounds } from './state.ts'

export interface AskingParts {
  readonly rows: AccountRows
  readonly bounds: Bounds
  readonly provider: (name: string) => Pick<SignInProvider, 'renew'> | undefined
  readonly end: (id: AccountId, why: string) => Promise<void>
  /** The provider stands by somebody, as they are now. */
  readonly renewed: (before: Person, now: AccountState) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Nobody else asks meanwhile, since many providers take a refresh token once: longer than what is asked there one after the other
 * (metadata, token, keys, UserInfo), each of which is given up after ten seconds.
 */
const askFor = 60_000
/** A call that cannot go on without the answer of another process waits so long for it. */
const waitFor = 20_000
const lookEvery = 200
const askAgain = 15_000

/** Asks providers whether they still stand by somebody: one process for each account, whoever else needs the answer waits for it. */
export function createAsking({ rows, bounds, provider, end, renewed, clock, logger }: AskingParts): (id: AccountId) => Promise<void> {
  const asking = new Map<AccountId, Promise<void>>()

  async function ask(id: AccountId): Promise<void> {
    for (let waited = 0; waited < waitFor; waited += lookEvery) {
      const found = await rows.row(id)
      if (found === undefined || !isDue(found.state, bounds, clock())) return
      const { state, version } = found
      if (clock() >= state.not_before) {
        const claim = { ...state, not_before: clock() + askFor, asking: true }
        if (await rows.write(claim, version)) return askProvider(claim, version + 1)
      } else if (!state.asking) return
      else await pause(lookEvery)
    }
  }

  async function askProvider(state: AccountState, version: number): Promise<void> {
    const { id, person, renewal } = state
    const renew = provider(person.provider)?.renew
    if (renew === undefined || renewal === undefined) return end(id, 'its provider is not configured any more')
    const answer: Renewed = await renew(renewal, person).catch((cause: unknown) => ({ kind: 'unreachable', why: String(cause) }))
    if (answer.kind === 'ended') return end(id, answer.why)
    if (answer.kind === 'unreachable') {
      logger.warn('a provider could not be asked about an account', { account: id, provider: person.provider, why: answer.why })
      await rows.write({ ...state, renewal: answer.renewal ?? renewal, not_before: clock() + askAgain, asking: false }, version)
      return
    }
    const next: AccountState = { ...state, person: answer.person, checked_at: clock(), not_before: 0, asking: false, renewal: answer.renewal ?? renewal, ...(answer.tokens === undefined ? {} : { tokens: answer.tokens }) }
    // Where somebody signed in meanwhile, what they brought is newer.
    if (await rows.write(next, version)) await renewed(person, next)
  }

  return (id) => {
    const running = asking.get(id)
    if (running !== undefined) return running
    const started = ask(id)
      .catch((cause: unknown) => logger.error('an account could not be checked', { account: id, cause: String(cause) }))
      .finally(() => asking.delete(id))
    asking.set(id, started)
    return started
  }
}
