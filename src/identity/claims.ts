import { isObject } from '../exact-json.ts'
import type { Json, JsonObject, KnownActor, Principal } from '../model.ts'
import type { IssuerSettings } from './settings.ts'

const own = (value: unknown, name: string): Json | undefined => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined)

/** A claim by its name (which may be a URI with dots), or else by a way through objects such as `realm_access.roles`. */
const claimAt = (claims: JsonObject, path: string): Json | undefined =>
  own(claims, path) ?? path.split('.').reduce<Json | undefined>((value, step) => own(value, step), claims)

const isSubject = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 1024 && !/[\u0000-\u001f\u007f]/.test(value)

// Entra ID leaves the groups out when there are too many and names where they could be asked for instead.
const isOverage = (claims: JsonObject, path: string): boolean => {
  const names = own(claims, '_claim_names')
  const head = path.split('.')[0] ?? path
  return own(names, path) !== undefined || own(names, head) !== undefined || own(names, 'groups') !== undefined || own(claims, 'hasgroups') === true || own(claims, 'hasgroups') === 'true'
}

const readGroups = (claims: JsonObject, { name, claims: paths, trusted_groups: trusted }: IssuerSettings): Pick<KnownActor, 'groups' | 'groups_known'> => {
  const unknown = { groups: [], groups_known: false }
  if (isOverage(claims, paths.groups)) return unknown
  const given = claimAt(claims, paths.groups) ?? []
  const listed = typeof given === 'string' ? [given] : given
  if (!Array.isArray(listed) || !listed.every(group => typeof group === 'string')) return unknown
  const groups = (listed as readonly string[]).filter(group => group !== '').map(group => (trusted.includes(group) ? group : `${name}:${group}`))
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
  const subject = own(claims, 'sub')
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
