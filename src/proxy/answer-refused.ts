import { isObject } from '../exact-json.ts'
import type { Decision, ExchangeId, Request } from '../model.ts'
import type { Channel } from './channel.ts'
import type { Judge } from './evaluate.ts'

/** Not allowed is answered as unknown; any other refusal says why. An unknown method is 404 in the newer era (2026-07-28 basic/transports, "Status Codes"). */
export async function answerRefused(request: Request, decision: Decision, { exchange, channel }: { readonly exchange: ExchangeId; readonly channel: Channel }, rooms: Judge): Promise<void> {
  const isKnown = rooms.wire.methodOf(request.revision, 'to_server', 'request', request.method) !== undefined
  const isHidden = !isKnown || decision.reasons.some(({ rule }) => rule === 'sallyport/not_allowed')
  if (!isHidden) return channel.answer({ envelope: rooms.answers.refusal(request, decision, { decisionId: exchange, executed: false }) })
  const envelope = isKnown ? rooms.answers.unknown(request) : rooms.answers.unknownMethod(request)
  const { error } = envelope
  const isMethod = isObject(error) && error['code'] === -32601
  return channel.answer({ envelope, status: isMethod && request.revision === '2026-07-28' ? 404 : 200 })
}
