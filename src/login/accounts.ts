import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Account, AccountId, Accounts } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Logger, Person } from '../model.ts'
import { createChanges, type Change } from './changes.ts'
import type { EndAccounts, ProviderTokens, Renewed, SignInProvider, Verified } from './provider.ts'
import { isDue, isGood, isSame, lost, mustAsk, readState, writeState, type AccountState, type Bounds } from './state.ts'

export interface AccountsParts {
  readonly kept: Kept
  readonly bounds: Bounds
  readonly provider: (name: string) => Pick<SignInProvider, 'renew'> | undefined
  readonly clock: Clock
  readonly logger: Logger
}
export interface OwnAccounts extends Accounts {
  /** The account of somebody who just signed in: the one they have, or a new one. */
  signIn(verified: Verified): Promise<Account>
  endAll: EndAccounts
  /** Everybody who is signed in. */
  list(): Promise<readonly AccountState[]>
  /** The account of somebody as their provider knows them. */
  find(who: Pick<Person, 'issuer' | 'subject'>): Promise<Account | undefined>
  /** What a server may be given in exchange for somebody's identity. */
  tokensOf(who: Pick<Person, 'issuer' | 'subject'>): Promise<ProviderTokens | undefined>
  /** Told of what changed, with whom it is about. Returns how to stop being told. */
  follow(told: (change: Change) => void): () => void
  /** Asks about whoever is in use and was not asked about for long enough; learns what other processes found out. `held` are those who have sessions here. */
  tick(held: Iterable<Pick<Person, 'issuer' | 'subject'>>): Promise<void>
}

interface Entry {
  state: AccountState
  readAt: number
  usedAt: number
}

const rereadAfter = 10_000
/** For how long somebody counts as in use after their last request. */
const usedFor = 60_000
const askFor = 20_000
/** A call waits so long for the answer, where it could go on without. */
const waitFor = 3_000
const askAgain = 15_000
/** An account that nobody asked for in so long is forgotten. */
const unusedFor = 30 * 24 * 60 * 60_000
const attempts = 5

export function createAccounts({ kept, bounds, provider, clock, logger }: AccountsParts): OwnAccounts {
  const here = new Map<AccountId, Entry>()
  const asking = new Map<AccountId, Promise<void>>()
  const watchers = new Set<(change: Change) => void>()
  const tell = (change: Change): void => {
    for (const told of watchers) told(change)
  }
  const changes = createChanges(kept, clock)
  const subjectKey = (who: Pick<Person, 'issuer' | 'subject'>): string => JSON.stringify([who.issuer, who.subject])
  const sessionKey = (provider: string, session: string): string => JSON.stringify([provider, session])
  const expiryOf = ({ renewal, signed_in_at, checked_at }: AccountState): number => (renewal === undefined ? signed_in_at + bounds.session : checked_at + unusedFor)

  const remember = (state: AccountState): Entry => {
    const entry = { state, readAt: clock(), usedAt: here.get(state.id)?.usedAt ?? 0 }
    here.set(state.id, entry)
    return entry
  }
  const read = async (id: AccountId): Promise<AccountState | undefined> => {
    const row = await kept.get('login:account', id)
    if (row === undefined) here.delete(id)
    return row === undefined ? undefined : remember(readState(row.value)).state
  }
  const current = async (id: AccountId): Promise<AccountState | undefined> => {
    const entry = here.get(id)
    return entry === undefined || Math.abs(clock() - entry.readAt) >= rereadAfter ? read(id) : entry.state
  }
  const shown = ({ id, person, checked_at }: AccountState): Account => ({ id, actor: person, checked_at })

  async function end(id: AccountId, why: string): Promise<void> {
    const state = await read(id)
    // Whoever signs in from now on gets another account, so that nothing given out before is good again.
    if (state !== undefined) await kept.drop('login:subject', subjectKey(state.person))
    await kept.drop('login:account', id)
    await kept.dropGroup('login:browser', id)
    await kept.dropGroup('login:sid', id)
    here.delete(id)
    if (state === undefined) return
    logger.info('an account ended', { account: id, provider: state.person.provider, why })
    await announce({ id, what: 'ended', issuer: state.person.issuer, subject: state.person.subject })
  }

  async function announce(change: Change): Promise<void> {
    tell(change)
    await changes.announce(change)
  }

  /** One process asks, whoever else needs the answer waits for it. */
  async function ask(id: AccountId): Promise<void> {
    for (let attempt = 0; attempt < askFor / 200; attempt += 1) {
      const row = await kept.get('login:account', id)
      if (row === undefined) return void here.delete(id)
      const { state } = remember(readState(row.value))
      if (!isDue(state, bounds, clock())) return
      if (clock() < state.not_before) {
        if (!state.asking) return
        await pause(200)
        continue
      }
      const claim = { ...state, not_before: clock() + askFor, asking: true }
      if (await kept.swap('login:account', id, writeState(claim), row.version, { expiresAt: expiryOf(state) })) return askProvider(claim, row.version + 1)
    }
  }
  const askOnce = (id: AccountId): Promise<void> => {
    const running = asking.get(id)
    if (running !== undefined) return running
    const started = ask(id)
      .catch((cause: unknown) => logger.error('an account could not be checked', { account: id, cause: String(cause) }))
      .finally(() => asking.delete(id))
    asking.set(id, started)
    return started
  }

  async function askProvider(state: AccountState, version: number): Promise<void> {
    const { id, person, renewal } = state
    const renew = provider(person.provider)?.renew
    if (renew === undefined || renewal === undefined) return end(id, 'its provider is not configured any more')
    const answer: Renewed = await renew(renewal, person).catch((cause: unknown) => ({ kind: 'unreachable', why: String(cause) }))
    if (answer.kind === 'ended') return end(id, answer.why)
    if (answer.kind === 'unreachable') {
      logger.warn('a provider could not be asked about an account', { account: id, provider: person.provider, why: answer.why })
      await save({ ...state, renewal: answer.renewal ?? renewal, not_before: clock() + askAgain, asking: false }, version)
      return
    }
    const next: AccountState = { ...state, person: answer.person, checked_at: clock(), not_before: 0, asking: false, renewal: answer.renewal ?? renewal, ...(answer.tokens === undefined ? {} : { tokens: answer.tokens }) }
    // Where somebody signed in meanwhile, what they brought is newer.
    if ((await save(next, version)) && !isSame(person, next.person)) await announce({ id, what: lost(person, next.person) ? 'lost' : 'changed', issuer: person.issuer, subject: person.subject })
  }

  async function save(state: AccountState, version: number): Promise<boolean> {
    const isSaved = await kept.swap('login:account', state.id, writeState(state), version, { expiresAt: expiryOf(state) })
    if (isSaved) remember(state)
    else await read(state.id)
    return isSaved
  }

  async function signIn({ person, renewal, tokens, session }: Verified): Promise<Account> {
    const key = subjectKey(person)
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const fresh: AccountId = `acc_${randomBytes(16).toString('hex')}`
      const named = await kept.get('login:subject', key)
      const id = (named?.value['account'] as AccountId | undefined) ?? fresh
      const now = clock()
      const state: AccountState = { id, person, signed_in_at: now, checked_at: now, not_before: 0, asking: false, ...(renewal === undefined ? {} : { renewal }), ...(tokens === undefined ? {} : { tokens }) }
      const expiresAt = expiryOf(state)
      const before = await kept.get('login:account', id)
      // Ended in between, it must not come back: then this is another account.
      const isNamed = named === undefined ? await kept.add('login:subject', key, { account: id }) : true
      if (!isNamed) continue
      const isKept = before === undefined ? await kept.add('login:account', id, writeState(state), { expiresAt }) : await kept.swap('login:account', id, writeState(state), before.version, { expiresAt })
      if (!isKept || (await kept.get('login:subject', key))?.value['account'] !== id) continue
      // By it the provider may name them, whatever became of the browser since.
      if (session !== undefined) await kept.put('login:sid', sessionKey(person.provider, session), { account: id }, { expiresAt: now + unusedFor, groups: [id] })
      remember(state)
      const was = before === undefined ? undefined : readState(before.value).person
      if (was !== undefined && !isSame(was, person)) await announce({ id, what: lost(was, person) ? 'lost' : 'changed', issuer: person.issuer, subject: person.subject })
      return shown(state)
    }
    throw new Error('an account changed too often while its person signed in')
  }

  async function idOf(who: Pick<Person, 'issuer' | 'subject'>): Promise<AccountId | undefined> {
    return (await kept.get('login:subject', subjectKey(who)))?.value['account'] as AccountId | undefined
  }

  async function get(id: AccountId): Promise<Account | undefined> {
    let state = await current(id)
    // Who came by a provider that is not there any more is nobody's to vouch for.
    if (state === undefined || provider(state.person.provider) === undefined) return undefined
    if (isDue(state, bounds, clock())) {
      const asked = askOnce(id)
      // A provider that hangs must not hold up everybody who is still as good as known.
      if (!isGood(state, bounds, clock())) await asked
      else if (mustAsk(state, bounds, clock())) await Promise.race([asked, pause(waitFor, undefined, { ref: false })])
      state = here.get(id)?.state
    }
    if (state === undefined || !isGood(state, bounds, clock())) return undefined
    const entry = here.get(id)
    if (entry !== undefined) entry.usedAt = clock()
    return shown(state)
  }

  return {
    signIn, end, get,
    async find(who) {
      const id = await idOf(who)
      return id === undefined ? undefined : get(id)
    },
    watch: (changed) => {
      // Who lapsed may come back as they were.
      const told = ({ id, what }: Change): void => void (what !== 'lapsed' && changed(id))
      watchers.add(told)
      return () => void watchers.delete(told)
    },
    follow: (told) => {
      watchers.add(told)
      return () => void watchers.delete(told)
    },
    async endAll({ provider: name, issuer, subject, session }, why) {
      const found = new Set<AccountId>()
      const bySubject = subject === undefined ? undefined : await idOf({ issuer, subject })
      if (bySubject !== undefined) found.add(bySubject)
      if (session !== undefined) {
        const named = await kept.get('login:sid', sessionKey(name, session))
        if (named !== undefined) found.add(named.value['account'] as AccountId)
      }
      for (const id of found) await end(id, why)
      return found.size
    },
    async list() {
      return (await kept.list('login:account')).map(({ value }) => readState(value)).filter((state) => state.renewal !== undefined || isGood(state, bounds, clock()))
    },
    async tokensOf(who) {
      const id = await idOf(who)
      const state = id === undefined ? undefined : await current(id)
      return state === undefined || !isGood(state, bounds, clock()) ? undefined : state.tokens
    },
    async tick(held) {
      const keys = new Set([...held].map(subjectKey))
      for (const change of await changes.news()) {
        here.delete(change.id)
        tell(change)
      }
      for (const [id, { state, usedAt }] of [...here]) {
        const isHeld = keys.has(subjectKey(state.person))
        if (isHeld || clock() - usedAt < usedFor) {
          if (isDue(state, bounds, clock())) void askOnce(id)
          // Nobody could say for too long whether they still may: what runs ends, the account waits for its provider.
          if (isHeld && !isGood(state, bounds, clock())) tell({ id, what: 'lapsed', issuer: state.person.issuer, subject: state.person.subject })
        } else if (clock() - usedAt > 10 * usedFor) here.delete(id)
      }
    },
  }
}

