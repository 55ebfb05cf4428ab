import { isObject } from '../exact-json.ts'
import type { Decision, Json, Request } from '../model.ts'
import type { Need } from '../upstream/credential.ts'
import { recordJudged, type About, type Judge, type Judged } from './evaluate.ts'
import { ownAnswer } from './own-answers.ts'
import type { ClientSession, Pending } from './session.ts'

/** The policy let the call pass, but its caller has no credential for the server: told what to do, nothing was sent. */
export async function answerUncredentialed({ code, message: what, link }: Need, judged: Judged<Request>, pending: Pending, about: About, rooms: Judge): Promise<undefined> {
  const { request } = pending
  await pending.giveBack?.()
  pending.answered = true
  if (pending.internal !== undefined) return
  const { risk, bundle } = judged.decision
  const decision: Decision = { kind: 'deny', reasons: [{ code, message: what, rule: `sallyport/${code}`, ...(link === undefined ? {} : { link }) }], risk, listed: [], bundle, mask: [] }
  const visit = link !== undefined && showsPages(request, about.session) ? { message: what, link } : undefined
  const envelope = rooms.answers.visitFirst(request, decision, { decisionId: pending.exchange, executed: false }, visit)
  const message = ownAnswer(request, envelope)
  await recordJudged({ message, scan: rooms.enforce.scan(message.body), decision }, 'answered', true, about, rooms)
  await pending.channel.answer({ envelope })
}

/** MCP 2025-11-25 client/elicitation, "Capabilities". */
function showsPages({ revision, method }: Request, { greeting }: ClientSession): boolean {
  const at = (value: Json | undefined, key: string) => (isObject(value) ? value[key] : undefined)
  return revision === '2025-11-25' && method === 'tools/call' && isObject(at(at(at(greeting?.initialize.body, 'capabilities'), 'elicitation'), 'url'))
}
