import { randomBytes } from 'node:crypto'
import type { AccountId } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock } from '../model.ts'

/**
 * `ended`: nothing of the account is good any more. `lapsed`: nobody could say for too long. `lost`: its person is in fewer groups
 * than before, or nobody knows. `changed`: anything else that a policy can see.
 */
export interface Change {
  readonly id: AccountId
  readonly what: 'ended' | 'lapsed' | 'lost' | 'changed'
  readonly issuer: string
  readonly subject: string
}

/** A change as it is told by one process to another; `key` names the telling. */
export type News = Change & { readonly key: string; readonly at: number }

/** Longer than any process goes without looking. */
const toldFor = 2 * 60_000

/** What one process finds out about accounts, and the others learn: rows that go away by themselves. */
export function createChanges(kept: Kept, clock: Clock) {
  const known = new Map<string, number>()
  // What was told before this process began, it has not acted on.
  const since = clock()
  return {
    async announce(change: Change): Promise<News> {
      const news = { key: randomBytes(12).toString('hex'), at: clock(), ...change }
      known.set(news.key, news.at)
      await kept.put('login:change', news.key, news, { expiresAt: news.at + toldFor })
      return news
    },
    /** False where it was told here before. */
    isNew({ key }: News): boolean {
      if (known.has(key)) return false
      known.set(key, clock())
      return true
    },
    /** What others announced and was not told here yet. */
    async news(): Promise<readonly Change[]> {
      const rows = await kept.list('login:change')
      for (const [key, at] of known) if (clock() - at > 2 * toldFor) known.delete(key)
      return rows.flatMap(({ value: { key, at, ...change } }) => {
        if (typeof key !== 'string' || known.has(key) || Number(at) < since - toldFor) return []
        known.set(key, clock())
        return [change as unknown as Change]
      })
    },
  }
}
