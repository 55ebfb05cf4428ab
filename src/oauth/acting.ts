import { isSubject, ownClaim } from '../claims.ts'
import type { Agent, Json, JsonObject, KnownActor, Person, Principal } from '../model.ts'
import { grantsOf, type ConfiguredClient } from './configured-clients.ts'

/** One who acts, outside in with whoever acted before (RFC 8693 section 4.1). */
export interface Act {
  readonly sub: string
  /** Whose name it is, where it is not a client of the gateway. */
  readonly iss?: string
  /** The client that brought it. */
  readonly client_id?: string
}

/** So many may stand between whoever acts and the person. */
export const mostActs = 4

/** Undefined for what the gateway never wrote. */
export function readActs(outermost: Json | undefined): readonly Act[] | undefined {
  const acts: Act[] = []
  for (let act = outermost; act !== undefined; act = ownClaim(act, 'act')) {
    const [sub, iss, client_id] = [ownClaim(act, 'sub'), ownClaim(act, 'iss'), ownClaim(act, 'client_id')]
    if (!isSubject(sub) || acts.length >= mostActs) return undefined
    if (iss === undefined && client_id === undefined) acts.push({ sub })
    else if (isSubject(iss) && isSubject(client_id)) acts.push({ sub, iss, client_id })
    else return undefined
  }
  return acts
}

export const writeActs = (acts: readonly Act[]): JsonObject | undefined =>
  acts.reduceRight<JsonObject | undefined>((before, act) => ({ ...act, ...(before === undefined ? {} : { act: before }) }), undefined)

export const isSameAct = (one: Act, other: Act): boolean => one.sub === other.sub && one.iss === other.iss

/** Whether a client may have somebody act for a person: itself, or a workload that it brings. */
export function mayAct(client: ConfiguredClient | undefined, { iss }: Act, { groups, groups_known }: Person): boolean {
  if (client?.may_act_for === undefined || !grantsOf(client).includes('token_exchange')) return false
  const isItsOwn = iss === undefined || client.actors?.includes(iss) === true
  return isItsOwn && groups_known && client.may_act_for.groups.some((group) => groups.includes(group))
}

/** How policies see whoever acts: as somebody of the gateway's own, for it alone says so; in the groups of the person, as they are now. */
export function agentOf(person: Person, [current, ...before]: readonly [Act, ...Act[]], { issuer, client }: { readonly issuer: string; readonly client: string }): Agent {
  const acting_for = before.reduceRight<Principal>((next, act) => ({ issuer: act.iss ?? issuer, subject: act.sub, acting_for: next }), principalOf(person))
  const claims = { client_id: client, act: writeActs([current, ...before]) ?? {} }
  // No subject of the gateway's has a `#`: the name of a workload is nobody else's here.
  const subject = current.iss === undefined ? current.sub : `${current.iss}#${current.sub}`
  return { kind: 'agent', subject, issuer, provider: 'gateway', groups: person.groups, groups_known: person.groups_known, claims, acting_for }
}

const principalOf = ({ issuer, subject, email }: Person): Principal => ({ issuer, subject, ...(email === undefined ? {} : { email }) })

/** Who acts for a person by a token of the gateway, as they are to be seen now; undefined for everybody else. */
export function renewedFor(person: Person, actor: KnownActor): Agent | undefined {
  const renew = (next: Principal): Principal | undefined => {
    if (next.acting_for === undefined) return next.issuer === person.issuer && next.subject === person.subject ? principalOf(person) : undefined
    const acting_for = renew(next.acting_for)
    return acting_for === undefined ? undefined : { ...next, acting_for }
  }
  // What other issuers say of groups is theirs to say anew.
  if (actor.kind !== 'agent' || actor.provider !== 'gateway' || actor.acting_for === undefined) return undefined
  const acting_for = renew(actor.acting_for)
  return acting_for === undefined ? undefined : { ...actor, groups: person.groups, groups_known: person.groups_known, acting_for }
}
