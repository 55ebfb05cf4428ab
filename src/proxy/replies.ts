import type { ServerResponse } from 'node:http'
import { errorTable, GatewayError } from '../errors.ts'
import type { ClientName, Json, JsonObject, KnownActor, Request as McpRequest } from '../model.ts'
import type { WireRefusal } from '../wire/refusal.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import type { From } from './calls.ts'
import type { Channel } from './channel.ts'
import type { Judge } from './evaluate.ts'
import { recordOwnDenial } from './own-answers.ts'
import type { Rejections } from './rejections.ts'

/** What the gateway says itself over HTTP, where there is nothing of a server to say. */
export interface Replies {
  reject(response: ServerResponse, refusal: WireRefusal): void
  /** Refuses what was not understood, which leaves a record. */
  turnAway(response: ServerResponse, refusal: WireRefusal, meant: Meant): void
  /** Leaves that record alone. */
  note(response: ServerResponse, refusal: WireRefusal, meant: Meant): void
  /** Refuses a request without a good token, which leaves a record without it. */
  challenge(response: ServerResponse, refusal: Challenge, upstream: string): void
  write(response: ServerResponse, status: number, envelope: JsonObject | undefined, headers: { readonly [name: string]: string }): void
  fail(cause: unknown, response: ServerResponse, id: McpRequest['id'] | null): void
  answerFault(cause: unknown, id: McpRequest['id'], channel: Channel): Promise<void>
  logFault(cause: unknown): GatewayError
}

/** The server that a request was meant for, and who sent it. */
export interface Meant {
  readonly upstream: string
  readonly actor: KnownActor
}
export interface Challenge {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly code: string
  readonly message: string
}

export function createReplies(rooms: Judge, rejections: Rejections): Replies {
  const write: Replies['write'] = (response, status, envelope, headers) => {
    if (response.headersSent || response.destroyed) return void response.end()
    const text = envelope === undefined ? '' : rooms.wire.print(envelope)
    response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  }

  const logFault: Replies['logFault'] = (cause) => {
    const fault = cause instanceof GatewayError ? cause : new GatewayError('internal', { cause })
    rooms.meters.rejected(fault.code)
    rooms.logger[fault.code === 'internal' ? 'error' : 'warn']('a message was refused by a fault', { code: fault.code, detail: fault.detail, cause: cause instanceof Error ? cause.stack : String(cause) })
    return fault
  }

  const faultOf = (cause: unknown, id: McpRequest['id'] | null) => {
    const fault = logFault(cause)
    const row = errorTable[fault.code]
    return { row, envelope: rooms.answers.error(id, row.rpc, row.public) }
  }

  const reject: Replies['reject'] = (response, { rpc, status, headers = {} }) => {
    rooms.meters.rejected(String(rpc?.code ?? status))
    write(response, status, rpc === undefined ? undefined : rooms.answers.error(rpc.id, rpc.code, rpc.message, rpc.data), headers)
  }
  const fromOf = ({ req }: ServerResponse) => req.socket.remoteAddress ?? 'unknown'
  const note: Replies['note'] = (response, { status, rpc }, meant) =>
    rejections.tell({ ...meant, from: fromOf(response), status, code: 'malformed', message: rpc?.message ?? 'a request that cannot be read' })

  return {
    write, logFault, reject, note,
    turnAway(response, refusal, meant) {
      note(response, refusal, meant)
      reject(response, refusal)
    },
    challenge(response, { status, headers, code, message }, upstream) {
      rooms.meters.rejected(String(status))
      rejections.tell({ upstream, from: fromOf(response), status, code, message })
      write(response, status, rooms.answers.error(null, -32000, message), headers)
    },
    fail(cause, response, id) {
      const { row, envelope } = faultOf(cause, id)
      write(response, row.status, envelope, row.status === 503 ? { 'retry-after': '1' } : {})
    },
    async answerFault(cause, id, channel) {
      const { row, envelope } = faultOf(cause, id)
      await channel.answer({ envelope, status: row.status, ...(row.status === 503 ? { headers: { 'retry-after': '1' } } : {}) })
    },
  }
}

/** The tools that messages are about to call. */
export const toolsCalled = (messages: readonly RpcMessage[]): readonly string[] =>
  messages.flatMap((message) => (message.kind === 'request' && message.method === 'tools/call' && typeof message.body['name'] === 'string' ? [message.body['name']] : []))

/** A reply of the client to nothing that a server asked. */
export function recordUnasked(message: Extract<RpcMessage, { kind: 'result' | 'error' }>, { session, actor }: From, rooms: Judge): Promise<void> {
  rooms.meters.rejected('unasked_reply')
  const request: McpRequest = { direction: 'to_client', revision: session.revision, kind: 'request', id: message.id ?? 0, method: 'unknown', envelope: {}, body: {} }
  const reply = { direction: 'to_server', revision: session.revision, kind: message.kind, id: request.id, method: 'unknown', request, envelope: message.envelope, body: message.body } as const
  return recordOwnDenial(reply, 'unasked_reply', 'a reply to a request that the server did not make', 'dropped', { session, actor, exchange: rooms.ids.exchange() }, true, rooms)
}

// Self-reported: kept short, and only what is text.
export function clientOf(info: Json | undefined): ClientName {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) return {}
  const { name, version } = info as JsonObject
  return { ...(typeof name === 'string' ? { name: name.slice(0, 200) } : {}), ...(typeof version === 'string' ? { version: version.slice(0, 100) } : {}) }
}
