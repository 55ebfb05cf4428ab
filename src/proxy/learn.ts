import { isObject } from '../exact-json.ts'
import type { ErrorAnswer, JsonObject, Request, Result } from '../model.ts'
import type { From } from './calls.ts'
import { createSilentChannel, type Channel } from './channel.ts'
import type { Learnt } from './definitions.ts'
import type { Judge } from './evaluate.ts'
import { forget, track } from './pending.ts'
import { passMessage } from './pipeline.ts'
import { usesDefinition } from './last-seen.ts'
import { describedCall } from './question.ts'
import { relayRequest } from './relay.ts'

const listing = { tool: 'tools/list', prompt: 'prompts/list', resource: 'resources/list', template: 'resources/templates/list' } as const

/** A request with what its server last said of what it names; `failed` where the server was asked and did not say, and a tool would be judged without its annotations. */
type Described = { readonly request: Request } | Extract<Learnt, { kind: 'failed' }>

/** What was never seen is listed first: by its annotations it must be as known to a call as to a list. */
export function withDefinition(request: Request, from: From, rooms: Judge): Described | Promise<Described> {
  const { call } = request
  if (call === undefined) return { request }
  const { name } = from.session.upstream
  const described = (): Described => ({ request: { ...request, call: describedCall(call, name, rooms) } })
  if (!usesDefinition(request.method) || rooms.definitions.get(name, call.kind, call.name) !== undefined) return described()
  const method = listing[call.template ? 'template' : call.kind]
  // A new tool is worth another look; of a template's resources there is no end.
  const listed = rooms.definitions.list(name, { asker: askerOf(request, from, rooms), kind: call.kind, name: call.name, key: call.kind === 'tool' ? call.name : method }, () => learn(method, request, from, rooms))
  return listed.then((learnt) => (learnt.kind === 'failed' && call.kind === 'tool' && rooms.definitions.get(name, call.kind, call.name) === undefined ? learnt : described()))
}

const maxPages = 50
/** Characters of a list: more than this of one server's is not kept. */
const mostRead = 16 * 1024 * 1024
const methodNotFound = -32601 // JSON-RPC 2.0 section 5.1

/** What a request of the newer era must have (MCP 2026-07-28 basic/index, "_meta"): what else its caller says has no say in what others come to know. */
const required = ['protocolVersion', 'clientInfo', 'clientCapabilities'].map((name) => `io.modelcontextprotocol/${name}`)
function metaOf({ body: { _meta } }: Request): JsonObject {
  return isObject(_meta) ? Object.fromEntries(Object.entries(_meta).filter(([name]) => required.includes(name))) : {}
}

const askerOf = (request: Request, { session }: From, rooms: Judge): string =>
  rooms.wire.print([session.caller, session.era === 'modern' ? metaOf(request) : (session.greeting?.initialize.body ?? {})])

async function learn(method: string, because: Request, { session, actor }: From, rooms: Judge): Promise<Learnt> {
  let cursor: string | undefined
  let read = 0
  for (let page = 0; page < maxPages; page += 1) {
    const meta = session.era === 'modern' ? { _meta: metaOf(because) } : {}
    const params: JsonObject = { ...(cursor === undefined ? {} : { cursor }), ...meta }
    const id = rooms.ids.secret()
    const envelope: JsonObject = { jsonrpc: '2.0', id, method, params }
    const request: Request = { direction: 'to_server', revision: session.revision, kind: 'request', id, method, envelope, body: params }
    const heard: Heard = {}
    const pending = track(request, hearing(heard), { session, actor }, rooms, { internal: (answer) => void (heard.answer = answer) })
    const passage = await passMessage(request, { session, actor, exchange: pending.exchange }, { closes: false, isOwn: true }, rooms)
    if (passage.kind !== 'forward') {
      forget(pending, session)
      return { kind: 'unasked' }
    }
    await relayRequest(passage, pending, session, rooms)
    const { answer, told } = heard
    if (answer === undefined && told === undefined) return { kind: 'unasked' }
    if (answer?.kind !== 'result') return answer?.body['code'] === methodNotFound ? { kind: 'answered' } : { kind: 'failed', ...(told ?? unsaid), isServers: (answer !== undefined && !session.closed) || told?.status === timedOut }
    if (rooms.wire.listOf(method, answer.body) === undefined) return { kind: 'failed', ...unsaid, isServers: true }
    read += rooms.wire.print(answer.envelope).length
    const next = answer.body['nextCursor']
    if (typeof next !== 'string' || (next === '' && cursor === '') || read > mostRead) break
    cursor = next
  }
  return { kind: 'answered' }
}

interface Heard {
  answer?: Result | ErrorAnswer
  /** What a client would have been told in place of a result. */
  told?: { readonly status: number; readonly message: string }
}
const timedOut = 504
const unsaid = { status: 502, message: 'the MCP server did not tell its tools, without which no call of one is judged' }

/** Of a server's own error its status is heard, of a fault what the gateway says of it. */
const hearing = (heard: Heard): Channel => ({
  ...createSilentChannel(),
  release: async (_evaluated, _of, status = 0) => void (heard.told = { ...unsaid, ...(isRefusal(status) ? { status } : {}) }),
  answer: async ({ envelope: { error }, status = 502 }) => void (heard.told = { status, message: isObject(error) && status !== 200 ? String(error['message']) : unsaid.message }),
})
const isRefusal = (status: number): boolean => status >= 400 && status < 500
