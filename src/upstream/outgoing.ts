import type { Json, JsonObject, Message, RequestId } from '../model.ts'

export interface OwnIds {
  readonly id?: RequestId
  readonly progressToken?: string
  readonly cancelledId?: string
}

/** The JSON-RPC object that goes to the server: as judged, with the gateway's own ids and progress token in the places of the client's. */
export function outgoingEnvelope({ envelope }: Message, own: OwnIds): JsonObject {
  const { id, progressToken, cancelledId } = own
  if (id === undefined && progressToken === undefined && cancelledId === undefined) return envelope
  return replaceMembers(envelope, (key, value) => {
    if (key === 'id' && id !== undefined) return id
    if (key !== 'params') return value
    if (cancelledId !== undefined) return mapObject(value, (name, old) => (name === 'requestId' ? cancelledId : old))
    return progressToken === undefined ? value : withToken(value, progressToken)
  })
}

function withToken(params: Json, token: string): Json {
  return mapObject(params, (key, value) => (key === '_meta' ? mapObject(value, (name, old) => (name === 'progressToken' ? token : old)) : value))
}

const mapObject = (value: Json, change: (key: string, value: Json) => Json): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value) ? replaceMembers(value as JsonObject, change) : value

function replaceMembers(object: JsonObject, change: (key: string, value: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value)]))
}
