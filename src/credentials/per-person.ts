import type { KnownActor } from '../model.ts'
import type { Credential, CredentialSource, Need } from '../upstream/credential.ts'

type Who = Pick<KnownActor, 'issuer' | 'subject'>

const mostHeld = 10_000
const nothing: readonly string[] = []

/** What is one for each caller: by issuer and subject, as everything of a caller. Whoever was away for longest is forgotten first. */
export function createPersonal<W extends Who, T>(create: (who: W) => T): (who: W) => T {
  const held = new Map<string, T>()
  return (who) => {
    const key = JSON.stringify([who.issuer, who.subject])
    const known = held.get(key) ?? create(who)
    held.delete(key)
    held.set(key, known)
    const oldest = held.size > mostHeld ? held.keys().next().value : undefined
    if (oldest !== undefined) held.delete(oldest)
    return known
  }
}

/** What people have, nobody else does: one issuer may call a program and a person alike (RFC 9068 section 5). */
export function onlyForPeople(of: (person: KnownActor) => Credential, need: Need): CredentialSource {
  const nobodys: Credential = { present: () => ({ need }), secrets: () => nothing }
  return { of: (caller) => (caller.kind === 'person' ? of(caller) : nobodys) }
}
