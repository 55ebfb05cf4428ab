import type { ServerResponse } from 'node:http'
import type { RpcMessage } from '../wire/rpc.ts'
import { handleNotification, handleReply, handleRequest, type Mirrored } from './calls.ts'
import type { Caller, EndpointParts } from './endpoint.ts'
import { recordUnasked, type Replies } from './replies.ts'
import type { ClientSession } from './session.ts'
import { hearUnasked, type SseConnection } from './sse-connection.ts'

export interface SseMessagesParts extends Pick<EndpointParts, 'rooms' | 'sessions'> {
  readonly replies: Replies
  /** The server took no greeting: the stream is one without a session again. */
  readonly awaitGreeting: (connection: SseConnection, actor: Caller['actor']) => void
}
type PassMessages = (messages: readonly RpcMessage[], connection: SseConnection, session: ClientSession, caller: Pick<Caller, 'actor' | 'expiresAt'>, response: ServerResponse) => Promise<void>

// The newer era's headers; its messages are not taken here.
const unmirrored: Mirrored = { check: () => undefined, remake: () => ({}) }

/** What a client has posted for its stream. Answers come on the stream; whether it was taken is the answer to the POST. Resolves when nothing of it waits for its turn. */
export function createSseMessages({ rooms, sessions, replies, awaitGreeting }: SseMessagesParts): PassMessages {
  const heard = new WeakSet<ClientSession>()

  /** Where the server took no greeting there is no session yet; where it forgot the session there is none any more. */
  async function afterRequest(isGreeting: boolean, connection: SseConnection, session: ClientSession): Promise<void> {
    if (session.closed) connection.listening.finish()
    else if (isGreeting && session.greeting === undefined) {
      connection.session = undefined
      session.listening = undefined
      awaitGreeting(connection, session.actor)
      await sessions.end(session)
    }
  }

  function hearOnce(connection: SseConnection, session: ClientSession): void {
    if (heard.has(session) || session.greeting?.initialized === undefined) return
    heard.add(session)
    void hearUnasked(session, connection, rooms).catch((cause: unknown) => replies.logFault(cause))
  }

  return async (messages, connection, session, { actor, expiresAt }, response) => {
    const from = { session, actor, goodUntil: expiresAt }
    const { channel } = connection
    const beginnings: Promise<void>[] = []
    let unasked = false
    for (const message of messages) {
      if (message.kind === 'request') {
        const begun = Promise.withResolvers<void>()
        const work = handleRequest(message, { ...from, begun: begun.resolve }, channel, unmirrored, rooms)
          .catch((cause: unknown) => replies.answerFault(cause, message.id, channel))
          .then(() => afterRequest(message.method === 'initialize', connection, session))
          .catch((cause: unknown) => void replies.logFault(cause))
        connection.during(work)
        beginnings.push(Promise.race([begun.promise, work]))
      } else if (message.kind === 'notification') {
        await handleNotification(message, from, rooms)
        if (message.method === 'notifications/initialized') hearOnce(connection, session)
      } else if (!(await handleReply(message, from, rooms))) {
        unasked = true
        await recordUnasked(message, from, rooms)
      }
    }
    response.writeHead(unasked ? 400 : 202).end()
    await Promise.all(beginnings)
  }
}
