import { eraOf } from '../methods.ts'
import { readPost, type Door, type Post } from '../door.ts'
import { refuse, TRANSPORT } from '../refusal.ts'

/**
 * A message that a client of HTTP+SSE has posted to its endpoint (basic/transports, "HTTP with SSE"). Older revisions were spoken
 * over that transport too, and the newer era is not: it has sessions of no kind.
 */
export function readSseMessage(post: Post): Door {
  const door = readPost(post)
  if (!door.ok || eraOf(door.revision) === 'legacy') return door
  const [first] = door.messages
  return { ok: false, refusal: refuse(400, TRANSPORT, 'expected a revision before 2026-07-28: the newer ones have no HTTP+SSE', { id: first?.kind === 'request' ? first.id : null }) }
}
