import { Abort } from '../abort.ts'
import { GatewayError } from '../errors.ts'
import type { ErrorAnswer, Evaluated, Notification, Request, Result } from '../model.ts'
import { seal, type About, type Judge, type Judged } from './evaluate.ts'
import { ownAnswer } from './own-answers.ts'
import { passMessage, type Passage } from './pipeline.ts'
import type { ClientSession } from './session.ts'

type Unanswered = Notification | Result | ErrorAnswer
interface SendOnly {
  /** The gateway's own id of what a cancellation names. */
  readonly cancelledId?: string
  /** As it was passed. */
  readonly closes: boolean
}

/**
 * Sends what has no answer; a server that answers all the same is not listened to. Judged again where another bundle became active
 * before its first byte: what then does not pass is given back.
 */
export async function sendOnly<M extends Unanswered>(passage: Extract<Passage<M>, { kind: 'forward' }>, about: About, { closes, ...own }: SendOnly, rooms: Judge): Promise<Exclude<Passage<M>, { kind: 'forward' }> | undefined> {
  for (let current = passage; ; ) {
    const { bundle } = current.evaluated
    if (await sendOnce(current.evaluated, about.session, () => rooms.policy.active() === bundle, own)) return undefined
    const next = await passMessage(current.judged.message, about, { closes, replaces: true }, rooms)
    if (next.kind !== 'forward') return next
    current = next
  }
}

async function sendOnce(evaluated: Evaluated<Unanswered>, session: ClientSession, isCurrent: () => boolean, own: { readonly cancelledId?: string } = {}): Promise<boolean> {
  const abort = new Abort()
  const timer = setTimeout(() => abort.abort(), 30_000).unref()
  try {
    const { kind } = await session.link.send(evaluated, { ...own, isCurrent, signal: abort.signal })
    if (kind === 'uncredentialed') throw new GatewayError('upstream_unreachable', { detail: 'no credential for this caller' })
    return kind !== 'outdated'
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

/** Tells a server on the client's behalf that its request was refused: the gateway's own words, under any policy. */
export async function answerServer(request: Request, judged: Judged, about: About, rooms: Judge): Promise<void> {
  const envelope = rooms.answers.refusedServerRequest(request)
  await sendOnce(seal(ownAnswer(request, envelope, 'to_server'), judged, about), about.session, () => true)
}
