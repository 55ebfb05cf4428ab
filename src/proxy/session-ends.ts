import { errorTable } from '../errors.ts'
import type { Judge } from './evaluate.ts'
import { stopping } from './hold.ts'
import type { ClientSession, Pending } from './session.ts'
import { endStopped } from './subscriptions.ts'

/** What was not sent yet is not sent any more. Its approval stays open for the same call, made again. */
export const endWaits = (session: ClientSession, mayEnd = ({ sent, detached }: Pending): boolean => !sent || detached): void => {
  for (const pending of session.pending.values()) if (mayEnd(pending)) pending.abort.abort(stopping)
}

/** Its caller is told to call again, or is away; what is being judged goes on. */
const isPaused = ({ paused, detached }: Pending): boolean => paused || detached

/** For a gateway that stops: frees who waits for an approval, and ends subscriptions, each once. */
export function createPauseEnds(rooms: Judge): (session: ClientSession) => void {
  const stopped = new WeakSet<Pending>()
  return (session) => {
    endWaits(session, isPaused)
    for (const pending of session.pending.values()) {
      if (pending.request.method !== 'subscriptions/listen' || !pending.sent || stopped.has(pending)) continue
      stopped.add(pending)
      void endStopped(pending, session, rooms).catch((error: unknown) => rooms.logger.warn('a subscription did not end cleanly', { session: session.id, error: String(error) }))
    }
  }
}

/** A call that its server has goes on to its record; what comes of it reaches nobody. */
export async function cutOff(session: ClientSession, rooms: Judge): Promise<void> {
  const { rpc, public: why, status } = errorTable.signed_out
  for (const { answered, request, channel } of session.pending.values()) {
    if (!answered && !channel.streams) await channel.answer({ envelope: rooms.answers.error(request.id, rpc, why), status })
    channel.cut()
  }
  session.listening?.cut()
}
