import { z } from 'zod'
import { claimAt } from '../claims.ts'
import type { Json, JsonObject } from '../model.ts'

/** What claims must hold, each a text or several of which one must fit. */
export type Conditions = { readonly [claim: string]: string | readonly string[] }

export const wantedClaim = z.string({ error: 'a text; `*` in it stands for any characters' }).min(1, { error: 'a text that is not empty' }).max(1024, { error: 'at most 1024 characters' })

/** Literal parts in their order: no pattern that could take long is ever made of a setting. */
const fits = (text: string, wanted: string): boolean => {
  const [first = '', ...rest] = wanted.split('*')
  if (rest.length === 0) return text === wanted
  const last = rest.pop() ?? ''
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false
  let from = first.length
  const end = text.length - last.length
  for (const part of rest) {
    const found = text.indexOf(part, from)
    if (found < 0 || found + part.length > end) return false
    from = found + part.length
  }
  return true
}

const textsOf = (value: Json | undefined): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number' ? [String(value)] : []
}

/** The first claim that is missing or fits nothing that is wanted of it. */
export const unmetClaim = (claims: JsonObject, conditions: Conditions): string | undefined =>
  Object.entries(conditions).find(([claim, wanted]) => {
    const texts = textsOf(claimAt(claims, claim))
    return !(typeof wanted === 'string' ? [wanted] : wanted).some((one) => texts.some((text) => fits(text, one)))
  })?.[0]

// Issuers that sign for whoever has an account there, the claims that say whose token it is, and how `sub` begins where it says so:
// at some of them the owner of a token decides what else it may begin with.
const everybodys: readonly { readonly issuer: RegExp; readonly owner: readonly string[]; readonly sub: RegExp }[] = [
  { issuer: /^https:\/\/token\.actions\.githubusercontent\.com\/?$/, owner: ['repository', 'repository_id', 'repository_owner', 'repository_owner_id', 'enterprise', 'enterprise_id', 'sub'], sub: /^(?:repo|repository|repository_id|repository_owner|repository_owner_id|enterprise|enterprise_id):/ },
  { issuer: /^https:\/\/gitlab\.com\/?$/, owner: ['project_path', 'project_id', 'namespace_path', 'namespace_id', 'sub'], sub: /^(?:project_path|project_id|namespace_path|namespace_id):/ },
  { issuer: /^https:\/\/accounts\.google\.com\/?$/, owner: ['sub', 'email', 'hd'], sub: /^/ },
  { issuer: /^https:\/\/agent\.buildkite\.com\/?$/, owner: ['organization_slug', 'organization_id', 'sub'], sub: /^organization:/ },
  { issuer: /^https:\/\/app\.terraform\.io\/?$/, owner: ['terraform_organization_id', 'terraform_organization_name', 'sub'], sub: /^organization:/ },
]

// `acme*` would let in whoever calls themselves acme-too.
const namesOwner = (wanted: string): boolean => /^[^*]+$/.test(wanted) || /^[^*]*[^*/:]+[/:]/.test(wanted)

/** Says what is missing where an issuer signs for strangers too and nothing tells whose tokens are meant. */
export const missingOwner = (issuer: string, conditions: Conditions): string | undefined => {
  const known = everybodys.find((one) => one.issuer.test(issuer))
  if (known === undefined) return undefined
  const isNamed = known.owner.some((claim) => {
    const wanted = [conditions[claim] ?? []].flat()
    return wanted.length > 0 && wanted.every((one) => (claim === 'sub' ? known.sub.test(one) && namesOwner(one.replace(known.sub, '')) : namesOwner(one)))
  })
  return isNamed ? undefined : `everybody can get tokens of this issuer: say whose are meant by one of ${known.owner.join(', ')}, whole or up to a / or :, such as ${known.owner[0]}: ${known.owner[0] === 'repository' ? 'acme/*' : 'acme'}`
}
