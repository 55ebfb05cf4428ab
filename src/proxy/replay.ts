import { idKey, type Evaluated, type KnownActor } from '../model.ts'
import type { OwnAnswer, ToClient } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import type { Said } from './outbox.ts'
import { passMessage } from './pipeline.ts'
import { answerServer } from './send.ts'
import type { ClientSession } from './session.ts'

/**
 * What was said before, as it may be said now: judged by the bundle now active, for the caller who came back. Undefined for what may
 * not be said any more, or is no longer asked.
 */
export async function judgeAgain(said: Said, session: ClientSession, actor: KnownActor, rooms: Judge): Promise<Evaluated<ToClient> | OwnAnswer | undefined> {
  if (said.kind === 'own') return said.answer
  const { message, of } = said
  const about: About = { ...of, session, actor }
  if (message.kind === 'request' && session.asked.get(idKey(message.id))?.exchange !== of.exchange) return undefined
  const isAnswer = message.kind === 'result' || message.kind === 'error'
  const passage = await passMessage(message, about, { closes: isAnswer }, rooms)
  if (passage.kind === 'forward') return passage.evaluated
  if (message.kind === 'request') {
    session.asked.delete(idKey(message.id))
    await answerServer(message, passage.judged, about, rooms)
  }
  if (message.kind !== 'result' && message.kind !== 'error') return undefined
  return { envelope: rooms.answers.refusal(message.request, passage.judged.decision, { decisionId: of.exchange, executed: true }) }
}
