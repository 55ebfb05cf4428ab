import type { Response } from 'undici'
import { isObject } from '../../exact-json.ts'
import type { Json } from '../../model.ts'
import { claimOf, learnSchemas, readMessages, type Heard, type Peeked } from './message.ts'
import { findAnswer, readText } from './session.ts'

const headerMismatch = -32020
const mostPages = 100
const listId = '"sallyport-connect"'

/**
 * A call of a tool that its client never listed has no `Mcp-Param-*`, and is refused before anything is done with it (MCP 2026-07-28
 * basic/transports/streamable-http, "Server Validation"). The list says which it wants. False where nothing more is known afterwards.
 */
export async function learnFor(heard: Heard, refused: Response, send: (list: Heard) => Promise<Response>, schemas: Map<string, Json>): Promise<boolean> {
  const [call, ...others] = heard.messages
  if (refused.status !== 400 || call === undefined || others.length > 0 || call.method !== 'tools/call' || claimOf(call) === undefined) return false
  const [answer] = readMessages(await readText(refused.clone())) ?? []
  const error = answer?.value['error']
  if (!isObject(error) || error['code'] !== headerMismatch) return false
  const name = String(call.params['name'])
  const before = JSON.stringify(schemas.get(name))
  let cursor: Json | undefined
  for (let page = 0; page < mostPages; page += 1) {
    const list = await findAnswer(await send(listOf(call, cursor)), listId)
    if (list === undefined) return false
    learnSchemas(list, schemas)
    if (JSON.stringify(schemas.get(name)) !== before) return true
    const result = list.value['result']
    cursor = isObject(result) ? result['nextCursor'] : undefined
    if (cursor === undefined) return false
  }
  return false
}

function listOf({ params }: Peeked, cursor: Json | undefined): Heard {
  const { progressToken: _, ...meta } = isObject(params['_meta']) ? params['_meta'] : {}
  const text = JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(listId), method: 'tools/list', params: { ...(cursor === undefined ? {} : { cursor }), _meta: meta } })
  return { bytes: Buffer.from(text), messages: readMessages(text) ?? [] }
}
