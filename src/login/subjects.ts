import type { AccountId } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, JsonObject, Person } from '../model.ts'

/** Somebody as their provider knows them. */
export type Subject = Pick<Person, 'issuer' | 'subject'>
/** `id` is undefined where the account of that name was ended; `version` where nobody of that name ever came. */
export interface Named {
  readonly id?: AccountId
  /** It has begun to end, and whether it got there nobody knows. */
  readonly isEnding?: true
  readonly version?: number
  readonly expiresAt?: number
}

const kind = 'login:subject'
const attempts = 20
/** A name outlives its account by so long: who comes back after the account has lapsed finds what they agreed to. */
const longerBy = 90 * 24 * 60 * 60_000
/** Pushed on when less than that is left of it, and so about once a month. */
const leastLonger = 60 * 24 * 60 * 60_000
/** The place of an account that was ended is kept a moment, for those who are changing it now. */
const endedFor = 60_000

export const keyOf = ({ issuer, subject }: Subject): string => JSON.stringify([issuer, subject])

/** Whose account is whose. Each change is of what was read, so that neither a sign-in nor an ending undoes the other. */
export function createSubjects(kept: Kept, clock: Clock) {
  async function find(who: Subject): Promise<Named> {
    const found = await kept.get(kind, keyOf(who))
    if (found === undefined) return {}
    const { value: { account, ending }, version, expiresAt } = found
    return { version, ...(expiresAt === undefined ? {} : { expiresAt }), ...(account === undefined ? {} : { id: account as AccountId }), ...(ending === true ? { isEnding: true } : {}) }
  }
  const write = (who: Subject, id: AccountId, { version }: Named, accountEnds: number): Promise<boolean> => {
    const options = { expiresAt: accountEnds + longerBy }
    return version === undefined ? kept.add(kind, keyOf(who), { account: id }, options) : kept.swap(kind, keyOf(who), { account: id }, version, options)
  }
  async function change(who: Subject, id: AccountId, to: (named: Named) => readonly [JsonObject, { readonly expiresAt: number }]): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const named = await find(who)
      if (named.id !== id || named.version === undefined) return
      const [value, options] = to(named)
      if (await kept.swap(kind, keyOf(who), value, named.version, options)) return
    }
    throw new Error('whose account it is changed too often while it was ended')
  }
  return {
    find,
    /** False where it is another by now. */
    name: write,
    /** As long as the account goes on. */
    async lengthen(who: Subject, id: AccountId, accountEnds: number): Promise<void> {
      const named = await find(who)
      // Whoever writes at the same time writes as much.
      if (named.id === id && named.isEnding === undefined && (named.expiresAt ?? 0) < accountEnds + leastLonger) await write(who, id, named, accountEnds)
    },
    /** From now on whoever signs in ends that account before anything else, if whoever began it could not. */
    mark: (who: Subject, id: AccountId) => change(who, id, ({ expiresAt }) => [{ account: id, ending: true }, { expiresAt: expiresAt ?? clock() + longerBy }]),
    /** Only of that account: who has signed in since has another. */
    clear: (who: Subject, id: AccountId) => change(who, id, () => [{}, { expiresAt: clock() + endedFor }]),
  }
}
