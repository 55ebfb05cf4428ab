import type { AccountId } from '../account.ts'
import type { Logger, Person } from '../model.ts'
import { showActor } from './access.ts'
import type { SignedInView } from './contract/people.ts'
import { type Handles, toTime } from './handle.ts'
import { refuse } from './problem.ts'

interface SignedIn {
  readonly id: AccountId
  readonly person: Person
  readonly signed_in_at: number
  readonly checked_at: number
  readonly renewal?: unknown
}
/** Those who are signed in, and the way to end it. */
export interface PeopleDesk {
  list(): Promise<readonly SignedIn[]>
  end(id: AccountId, why: string): Promise<void>
}

const show = ({ id, person, signed_in_at, checked_at, renewal }: SignedIn): SignedInView =>
  ({ ...showActor(person), id, signed_in_at: toTime(signed_in_at), checked_at: toTime(checked_at), renewable: renewal !== undefined })

export function createPeopleHandles(people: PeopleDesk | undefined, logger: Pick<Logger, 'info'> | undefined): Pick<Handles, 'listPeople' | 'endPerson'> {
  return {
    async listPeople() {
      const all = [...((await people?.list()) ?? [])].sort((one, other) => other.signed_in_at - one.signed_in_at)
      return { items: all.map(show), next_cursor: null }
    },
    async endPerson({ id, body, caller }) {
      const found = (await people?.list())?.find((one) => one.id === id)
      if (people === undefined || found === undefined) return refuse(404, 'unknown_person', 'nobody is signed in by that account')
      const { issuer, subject } = caller.actor
      logger?.info('somebody was signed out by an operator', { account: found.id, by: { issuer, subject }, reason: body.reason })
      await people.end(found.id, `an operator ended it: ${body.reason}`)
      return show(found)
    },
  }
}
