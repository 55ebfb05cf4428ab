import type { ErrorAnswer, Evaluated, Notification, Request, Result } from '../model.ts'
import { seal, type About, type Judge, type Judged } from './evaluate.ts'
import { ownAnswer } from './own-answers.ts'
import type { ClientSession } from './session.ts'

/** Sends what has no answer. A server that answers all the same is not listened to. */
export async function sendOnly(evaluated: Evaluated<Notification | Result | ErrorAnswer>, session: ClientSession, own: { readonly cancelledId?: string } = {}): Promise<void> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), 30_000).unref()
  try {
    await session.link.send(evaluated, { ...own, signal: abort.signal })
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

/** Tells a server on the client's behalf that its request was refused. */
export async function answerServer(request: Request, judged: Judged, about: About, rooms: Judge): Promise<void> {
  const envelope = rooms.answers.refusedServerRequest(request)
  await sendOnly(seal(ownAnswer(request, envelope, 'to_server'), judged, about), about.session)
}
