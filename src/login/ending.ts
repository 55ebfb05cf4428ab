import type { AccountId } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Logger, Person } from '../model.ts'
import { unusedFor, type AccountRows } from './account-rows.ts'
import type { Change } from './changes.ts'
import type { EndAccounts } from './provider.ts'
import type { AccountState } from './state.ts'
import type { createSubjects } from './subjects.ts'

export interface EndingParts {
  readonly kept: Kept
  readonly rows: Pick<AccountRows, 'row' | 'drop'>
  readonly subjects: ReturnType<typeof createSubjects>
  readonly announce: (change: Change) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}
type Whose = Pick<Person, 'issuer' | 'subject' | 'provider'>

const kind = 'login:sid'
const sessionKey = (provider: string, session: string): string => JSON.stringify([provider, session])

/** How accounts end: by themselves, or because a provider names the person or one of its sessions. */
export function createEnding({ kept, rows, subjects, announce, clock, logger }: EndingParts) {
  /** `known` is whose account it is, where that may have lapsed and nothing else tells. */
  async function end(id: AccountId, why: string, known?: Whose): Promise<void> {
    const whose = (await rows.row(id))?.state.person ?? known
    if (whose !== undefined) await subjects.mark(whose, id)
    await rows.drop(id)
    await kept.dropGroup('login:browser', id)
    await kept.dropGroup(kind, id)
    if (whose === undefined) return
    const { issuer, subject, provider } = whose
    logger.info('an account ended', { account: id, provider, why })
    await announce({ id, what: 'ended', issuer, subject })
    // Whoever signs in from now on gets another account, so that nothing given out before is good again. It comes last: as long as
    // the account has its name, what failed half-way can be asked for again, and is ended whole before its person signs in.
    await subjects.clear(whose, id)
    // Who was signing in meanwhile may have written it once more.
    await rows.drop(id)
  }

  const endAll: EndAccounts = async ({ provider, issuer, subject, session }, why) => {
    const found = new Map<AccountId, Whose>()
    const bySubject = subject === undefined ? undefined : (await subjects.find({ issuer, subject })).id
    if (subject !== undefined && bySubject !== undefined) found.set(bySubject, { issuer, subject, provider })
    const named = session === undefined ? undefined : (await kept.get(kind, sessionKey(provider, session)))?.value
    if (named !== undefined) found.set(named['account'] as AccountId, { issuer, subject: String(named['subject']), provider })
    for (const [id, whose] of found) await end(id, why, whose)
    return found.size
  }

  /** By it the provider may name them, whatever became of the browser since. */
  const noteSession = ({ id, person: { provider, subject } }: AccountState, session: string): Promise<void> =>
    kept.put(kind, sessionKey(provider, session), { account: id, subject }, { expiresAt: clock() + unusedFor, groups: [id] })

  return { end, endAll, noteSession }
}
