import type { KnownActor } from '../model.ts'

type Who = Pick<KnownActor, 'issuer' | 'subject'>

const mostHeld = 10_000

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
