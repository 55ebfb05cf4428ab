import { claimAt, groupsAt, isSubject, ownClaim as own } from '../claims.ts'
import type { JsonObject, KnownActor, Principal } from '../model.ts'
import type { IssuerSettings } from './settings.ts'

const readGroups = (claims: JsonObject, { name, claims: paths, trusted_groups: trusted }: IssuerSettings): Pick<KnownActor, 'groups' | 'groups_known'> => {
  const given = groupsAt(claims, paths.groups)
  if (given === 'unknown') return { groups: [], groups_known: false }
  const groups = (given === 'absent' ? [] : given).map(group => (trusted.includes(group) ? group : `${name}:${group}`))
  return { groups: [...new Set(groups)], groups_known: true }
}

const readEmail = (claims: JsonObject, { claims: paths, trust_unverified_email: trusts }: IssuerSettings): { readonly email?: string } => {
  const email = claimAt(claims, paths.email)
  return typeof email === 'string' && email !== '' && (trusts || own(claims, 'email_verified') === true) ? { email } : {}
}

/** `act` and what is nested in it, outermost first: who acts now, then who acted before (RFC 8693 section 4.1). */
const readActs = (claims: JsonObject): readonly { readonly subject: string; readonly issuer?: string }[] | undefined => {
  const acts: { subject: string; issuer?: string }[] = []
  for (let act = own(claims, 'act'); act !== undefined; act = own(act, 'act')) {
    const [subject, issuer] = [own(act, 'sub'), own(act, 'iss')]
    if (!isSubject(subject) || (issuer !== undefined && !isSubject(issuer)) || acts.length >= 8) return undefined
    acts.push({ subject, ...(issuer === undefined ? {} : { issuer }) })
  }
  return acts
}

// A token that a client got for itself names the client as subject (RFC 9068 section 2.2); nobody sat in front of it.
const isMachine = (claims: JsonObject): boolean =>
  [own(claims, 'client_id'), own(claims, 'azp'), own(claims, 'appid')].includes(own(claims, 'sub')) || own(claims, 'idtyp') === 'app' || own(claims, 'gty') === 'client-credentials'

/** Who a verified token speaks for; undefined where it does not say so in a way that can be relied on. */
export const readActor = (claims: JsonObject, settings: IssuerSettings): KnownActor | undefined => {
  const subject = settings.claims.subject === undefined ? own(claims, 'sub') : claimAt(claims, settings.claims.subject)
  const acts = readActs(claims)
  if (!isSubject(subject) || acts === undefined) return undefined
  const { issuer, name: provider } = settings
  const groups = readGroups(claims, settings)
  const email = readEmail(claims, settings)
  const [current, ...earlier] = acts
  if (current === undefined) {
    const kind = settings.kind === 'person' && isMachine(claims) ? 'service' : settings.kind
    return { kind, subject, issuer, provider, ...groups, ...email, claims }
  }
  // The issuer of the token answers for everyone it names: a foreign name must not become a subject of its own.
  const named = current.issuer === undefined || current.issuer === issuer ? current.subject : `${current.issuer}#${current.subject}`
  const acting_for = earlier.reduceRight<Principal>(
    (behind, act) => ({ issuer: act.issuer ?? issuer, subject: act.subject, acting_for: behind }),
    { issuer, subject, ...email },
  )
  return { kind: 'agent', subject: named, issuer, provider, ...groups, claims, acting_for }
}
