import type { JsonObject, Person } from '../model.ts'

/** How a provider's groups are named; `names` are the providers and issuers beside it, whose groups it must not be able to name. */
export interface Naming {
  readonly provider: string
  readonly trusted: 'all' | readonly string[]
  readonly names: readonly string[]
}

export interface Said {
  readonly issuer: string
  readonly subject: string
  /** Undefined where the provider left them out, or says nothing of them. */
  readonly groups: readonly string[] | undefined
  /** Only where the provider says that it is verified. */
  readonly email?: string
  readonly claims: JsonObject
}

/** Somebody as policies see them. A group that looks like one of another provider's stays under this provider's name. */
export function personOf({ issuer, subject, groups, email, claims }: Said, { provider, trusted, names }: Naming): Person {
  const isTrusted = (group: string): boolean => (trusted === 'all' ? !names.some((name) => group.startsWith(`${name}:`)) : trusted.includes(group))
  const named = (groups ?? []).map((group) => (isTrusted(group) ? group : `${provider}:${group}`))
  return { kind: 'person', subject, issuer, provider, groups: [...new Set(named)], groups_known: groups !== undefined, ...(email === undefined ? {} : { email }), claims }
}
