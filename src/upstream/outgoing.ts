import type { Json, JsonObject, Message, RequestId } from '../model.ts'

/** The JSON-RPC object that goes to the server: as judged, with the gateway's own id and progress token in the places of the client's. */
export function outgoingEnvelope(message: Message, own: { readonly id: RequestId | undefined; readonly progressToken: string | undefined }): JsonObject {
  const { envelope } = message
  if (own.id === undefined && own.progressToken === undefined) return envelope
  return replaceMembers(envelope, (key, value) => {
    if (key === 'id' && own.id !== undefined) return own.id
    if (key === 'params' && own.progressToken !== undefined) return withToken(value, own.progressToken)
    return value
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
