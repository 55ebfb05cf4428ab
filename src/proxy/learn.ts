import type { JsonObject, Request, Result } from '../model.ts'
import type { From } from './calls.ts'
import { createSilentChannel } from './channel.ts'
import type { Judge } from './evaluate.ts'
import { forget, track } from './pending.ts'
import { passMessage } from './pipeline.ts'
import { usesDefinition } from './last-seen.ts'
import { describedCall } from './question.ts'
import { relayRequest } from './relay.ts'

const listing = { tool: 'tools/list', prompt: 'prompts/list', resource: 'resources/list', template: 'resources/templates/list' } as const

/** What was never seen is listed first: by its annotations it must be as known to a call as to a list. */
export function withDefinition(request: Request, from: From, rooms: Judge): Request | Promise<Request> {
  const { call } = request
  if (call === undefined) return request
  const { name } = from.session.upstream
  const described = (): Request => ({ ...request, call: describedCall(call, name, rooms) })
  if (!usesDefinition(request.method) || rooms.definitions.get(name, call.kind, call.name) !== undefined) return described()
  const method = listing[call.template ? 'template' : call.kind]
  // A new tool is worth another look; of a template's resources there is no end.
  return rooms.definitions.list(name, call.kind === 'tool' ? call.name : method, () => learn(method, request, from, rooms)).then(described)
}

const maxPages = 50
/** Characters of a list: more than this of one server's is not kept. */
const mostRead = 16 * 1024 * 1024

async function learn(method: string, because: Request, { session, actor }: From, rooms: Judge): Promise<void> {
  let cursor: string | undefined
  let read = 0
  for (let page = 0; page < maxPages; page += 1) {
    const meta = session.era === 'modern' ? { _meta: because.body['_meta'] ?? {} } : {}
    const params: JsonObject = { ...(cursor === undefined ? {} : { cursor }), ...meta }
    const id = rooms.ids.secret()
    const envelope: JsonObject = { jsonrpc: '2.0', id, method, params }
    const request: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id, method, envelope, body: params }
    const next: { cursor: string | undefined } = { cursor: undefined }
    const take = ({ envelope, body }: Result): void => {
      next.cursor = typeof body['nextCursor'] === 'string' ? body['nextCursor'] : undefined
      read += rooms.wire.print(envelope).length
    }
    const pending = track(request, createSilentChannel(), { session, actor }, rooms, { internal: take })
    const passage = await passMessage(request, { session, actor, exchange: pending.exchange }, { closes: false }, rooms)
    if (passage.kind !== 'forward') return forget(pending, session)
    await relayRequest(passage, pending, session, rooms)
    if (next.cursor === undefined || read > mostRead) return
    cursor = next.cursor
  }
}
