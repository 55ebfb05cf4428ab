import { isObject } from '../exact-json.ts'
import type { Call, JsonObject } from '../model.ts'

/** Of `_meta`: what says how one sending is to be answered (MCP basic, "_meta"), or which trace it is of (W3C Trace Context). All else is part of the call. */
const ofOneSending: ReadonlySet<string> = new Set([
  'progressToken', 'traceparent', 'tracestate',
  ...['protocolVersion', 'clientInfo', 'clientCapabilities', 'logLevel', 'related-task'].map((name) => `io.modelcontextprotocol/${name}`),
])
const nameOf = { tool: 'name', prompt: 'name', resource: 'uri' } as const satisfies Record<Call['kind'], string>

const metaOf = ({ _meta }: JsonObject): JsonObject => (isObject(_meta) ? _meta : {})
const pick = (meta: JsonObject, isWanted: (name: string) => boolean): JsonObject => Object.fromEntries(Object.entries(meta).filter(([name]) => isWanted(name)))

/** What was held, for another sending of the same call: nothing that reviewers did not see comes with it. */
export function forSending(held: JsonObject, live: JsonObject): JsonObject {
  const { _meta, ...rest } = held
  const meta = { ...pick(metaOf(held), (name) => !ofOneSending.has(name)), ...pick(metaOf(live), (name) => ofOneSending.has(name)) }
  if (Object.keys(meta).length === 0) return rest
  return _meta === undefined ? { ...rest, _meta: meta } : { ...held, _meta: meta }
}

/** What goes to the server beside a call's name and arguments: reviewers are shown that as well. */
export function besideArguments(params: JsonObject, kind: Call['kind']): JsonObject {
  const meta = pick(metaOf(params), (name) => !ofOneSending.has(name))
  const rest = pick(params, (name) => name !== nameOf[kind] && name !== 'arguments' && name !== '_meta')
  return Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta }
}
