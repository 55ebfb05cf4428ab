import { chainOf, type Actor, type KnownActor, type Role } from '../model.ts'
import type { PersonView } from './contract/shapes.ts'
import type { Operation } from './contract/index.ts'

export interface Caller {
  readonly actor: KnownActor
  readonly roles: readonly Role[]
}

export const mayUse = (caller: Caller, operation: Operation): boolean =>
  operation.roles === 'anyone' || operation.roles.some((role) => caller.roles.includes(role))

/** Claims stay out: they may hold what nobody asked to see. */
export const showActor = (actor: Actor): PersonView => (actor.kind === 'nobody' ? showNobody : {
  kind: actor.kind,
  subject: actor.subject,
  issuer: actor.issuer,
  provider: actor.provider,
  groups: actor.groups,
  groups_known: actor.groups_known,
  ...(actor.email === undefined ? {} : { email: actor.email }),
  ...(actor.acting_for === undefined ? {} : { acting_for: chainOf(actor.acting_for).map(({ acting_for: _, ...who }) => who) }),
})
const showNobody: PersonView = { kind: 'nobody', subject: '', issuer: '', provider: '', groups: [], groups_known: true }
