import type { ErrorAnswer, JsonObject, Mask, Message, Request, Result } from '../model.ts'
import { recordJudged, type About, type Judge, type Judged } from './evaluate.ts'

/** What the gateway itself answers a request, as the message that is recorded. */
export function ownAnswer(request: Request, envelope: JsonObject, direction: Message['direction'] = 'to_client'): ErrorAnswer | Result {
  const kind = 'error' in envelope ? 'error' : 'result'
  return { direction, revision: request.revision, method: request.method, kind, id: request.id, request, envelope, body: (envelope[kind] ?? {}) as JsonObject } // made by the gateway: an object
}

type RecordDenial = (message: Message, code: string, detail: string, outcome: 'dropped' | 'answered' | 'unknown', about: About, closes: boolean, rooms: Judge) => Promise<void>

/** Something that the gateway itself refuses and no policy has seen, recorded like any denial. */
export const recordOwnDenial: RecordDenial = (...denial) => recordDenial({}, ...denial)

/** An answer that the gateway itself made: nothing in it came from elsewhere. */
export const recordOwnAnswer: RecordDenial = (...denial) => recordDenial({ mask: [] }, ...denial)

async function recordDenial(known: { readonly mask?: readonly Mask[] }, ...[message, code, detail, outcome, about, closes, rooms]: Parameters<RecordDenial>): Promise<void> {
  const reasons = [{ code, message: rooms.enforce.redactText(detail), rule: `sallyport/${code}` }] as const
  const judged: Judged = { message, scan: rooms.enforce.scan(message.body), decision: { kind: 'deny', reasons, risk: 0, listed: [], bundle: rooms.policy.active() ?? 'none', ...known } }
  rooms.meters.decided(message, judged.decision)
  await recordJudged(judged, outcome, closes, about, rooms)
}
