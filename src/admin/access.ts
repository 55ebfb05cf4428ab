import type { Actor, KnownActor } from '../model.ts'
import type { PersonView } from './contract/shapes.ts'
import type { Operation } from './contract/index.ts'
import type { Role } from './contract/me.ts'

/** Which groups hold which role; a role that is not named is held by nobody. */
export type RoleGroups = { readonly [role in Role]?: readonly string[] | undefined }

export interface Caller {
  readonly actor: KnownActor
  readonly roles: readonly Role[]
}

const order: readonly Role[] = ['viewer', 'reviewer', 'auditor', 'operator']

/** Deny by default: groups that are unknown (overage) give no role, even if some were listed. */
export function rolesOf(actor: KnownActor, groups: RoleGroups): readonly Role[] {
  if (!actor.groups_known) return []
  return order.filter((role) => (groups[role] ?? []).some((group) => actor.groups.includes(group)))
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
})
const showNobody: PersonView = { kind: 'nobody', subject: '', issuer: '', provider: '', groups: [], groups_known: true }
