import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Account, AccountId, Accounts } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Logger, Person } from '../model.ts'
import { createAccountRows, type AccountRows } from './account-rows.ts'
import { createAsking } from './asking.ts'
import { createChanges, type Change, type News } from './changes.ts'
import { createEnding } from './ending.ts'
import type { EndAccounts, ProviderTokens, SignInProvider, Verified } from './provider.ts'
import { isDue, isGood, isSame, lost, mustAsk, type AccountState, type Bounds } from './state.ts'
import { createSubjects, keyOf, type Subject } from './subjects.ts'

export interface AccountsParts {
  readonly kept: Kept
  readonly bounds: Bounds
  readonly provider: (name: string) => Pick<SignInProvider, 'renew'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Makes the other processes learn of a change; resolves when they have. */
  readonly announced?: ((news: News) => Promise<void>) | undefined
}
export interface OwnAccounts extends Accounts {
  /** The account of somebody who just signed in: the one they have, or a new one. */
  signIn(verified: Verified): Promise<Account>
  endAll: EndAccounts
  /** Everybody who is signed in. */
  list(): Promise<readonly AccountState[]>
  /** The account of somebody as their provider knows them. */
  find(who: Subject): Promise<Account | undefined>
  /** The account that somebody has, whether or not it is good at the moment. */
  idOf(who: Subject): Promise<AccountId | undefined>
  /** What a server may be given in exchange for somebody's identity. */
  tokensOf(who: Subject): Promise<ProviderTokens | undefined>
  /** Told of what changed, with whom it is about. Returns how to stop being told. */
  follow(told: (change: Change) => void): () => void
  /** Another process found that out. */
  hear(news: News): void
  /** Asks about whoever is in use and was not asked about for long enough; learns what other processes found out. `held` are those who have sessions here. */
  tick(held: Iterable<Subject>): Promise<void>
}

/** For how long somebody counts as in use after their last request. */
const usedFor = 60_000
/** A call waits so long for the answer, where it could go on without. */
const waitFor = 3_000
const attempts = 5

const shown = ({ id, person, checked_at }: AccountState): Account => ({ id, actor: person, checked_at })

export function createAccounts({ kept, bounds, provider, clock, logger, announced }: AccountsParts): OwnAccounts {
  const rows = createAccountRows({ kept, bounds, clock })
  const subjects = createSubjects(kept, clock)
  const watchers = createWatchers()
  const changes = createChanges(kept, clock)
  const announce = async (change: Change): Promise<void> => {
    watchers.tell(change)
    const news = await changes.announce(change)
    await announced?.(news)
  }
  const tellOf = async (before: Person, { id, person }: AccountState): Promise<void> => {
    if (!isSame(before, person)) await announce({ id, what: lost(before, person) ? 'lost' : 'changed', issuer: person.issuer, subject: person.subject })
  }
  const { end, endAll, noteSession } = createEnding({ kept, rows, subjects, announce, clock, logger })
  const askOnce = createAsking({
    rows, bounds, provider, end, clock, logger,
    async renewed(before, now) {
      await subjects.lengthen(now.person, now.id, rows.expiryOf(now))
      await tellOf(before, now)
    },
  })
  const get = createGetting({ rows, bounds, askOnce, clock, isThere: ({ person }) => provider(person.provider) !== undefined })

  async function signIn({ person, renewal, tokens, session }: Verified): Promise<Account> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const named = await subjects.find(person)
      if (named.id !== undefined && named.isEnding === true) {
        await end(named.id, 'its ending had not got through', person)
        continue
      }
      const id = named.id ?? (`acc_${randomBytes(16).toString('hex')}` as const)
      const now = clock()
      const state: AccountState = { id, person, signed_in_at: now, checked_at: now, not_before: 0, asking: false, ...(renewal === undefined ? {} : { renewal }), ...(tokens === undefined ? {} : { tokens }) }
      const before = await rows.row(id)
      if (!(await subjects.name(person, id, named, rows.expiryOf(state))) || !(await rows.write(state, before?.version))) continue
      const after = await subjects.find(person)
      if (after.id !== id || after.isEnding === true) {
        // Ended in between, it must not come back: then this is another account.
        await rows.drop(id)
        continue
      }
      if (session !== undefined) await noteSession(state, session)
      if (before !== undefined) await tellOf(before.state.person, state)
      return shown(state)
    }
    throw new Error('an account changed too often while its person signed in')
  }

  const actOn = (change: Change): void => {
    rows.here.delete(change.id)
    watchers.tell(change)
  }

  return {
    signIn, get, endAll,
    hear: (news) => void (changes.isNew(news) && actOn(news)),
    end: (id, why) => end(id, why),
    async find(who) {
      const { id } = await subjects.find(who)
      return id === undefined ? undefined : get(id)
    },
    idOf: async (who) => (await subjects.find(who)).id,
    // Who lapsed may come back as they were.
    watch: (changed) => watchers.add(({ id, what }) => void (what !== 'lapsed' && changed(id))),
    follow: watchers.add,
    async list() {
      const now = clock()
      return (await rows.list()).filter((state) => state.renewal !== undefined || isGood(state, bounds, now))
    },
    async tokensOf(who) {
      const { id } = await subjects.find(who)
      const state = id === undefined ? undefined : await rows.current(id)
      return state === undefined || !isGood(state, bounds, clock()) ? undefined : state.tokens
    },
    async tick(held) {
      const keys = new Set([...held].map(keyOf))
      for (const change of await changes.news()) actOn(change)
      for (const [id, { state, usedAt }] of [...rows.here]) {
        const isHeld = keys.has(keyOf(state.person))
        if (isHeld || clock() - usedAt < usedFor) {
          if (isDue(state, bounds, clock())) void askOnce(id)
          // Nobody could say for too long whether they still may: what runs ends, the account waits for its provider.
          if (isHeld && !isGood(state, bounds, clock())) watchers.tell({ id, what: 'lapsed', issuer: state.person.issuer, subject: state.person.subject })
        } else if (clock() - usedAt > 10 * usedFor) rows.here.delete(id)
      }
    },
  }
}

function createWatchers() {
  const all = new Set<(change: Change) => void>()
  return {
    tell(change: Change): void {
      for (const told of all) told(change)
    },
    add(told: (change: Change) => void): () => void {
      all.add(told)
      return () => void all.delete(told)
    },
  }
}

interface GettingParts extends Pick<AccountsParts, 'bounds' | 'clock'> {
  readonly rows: AccountRows
  readonly askOnce: (id: AccountId) => Promise<void>
  /** Who came by a provider that is not there any more is nobody's to vouch for. */
  readonly isThere: (state: AccountState) => boolean
}

/** An account as good as it must be; its provider is asked where it is time. */
function createGetting({ rows, bounds, askOnce, isThere, clock }: GettingParts): OwnAccounts['get'] {
  return async (id) => {
    let state = await rows.current(id)
    if (state === undefined || !isThere(state)) return undefined
    if (isDue(state, bounds, clock())) {
      const asked = askOnce(id)
      // A provider that hangs must not hold up everybody who is still as good as known.
      if (!isGood(state, bounds, clock())) await asked
      else if (mustAsk(state, bounds, clock())) await Promise.race([asked, pause(waitFor, undefined, { ref: false })])
      state = rows.here.get(id)?.state
    }
    if (state === undefined || !isGood(state, bounds, clock())) return undefined
    const entry = rows.here.get(id)
    if (entry !== undefined) entry.usedAt = clock()
    return shown(state)
  }
}
