import type { JsonObject, RequestId } from '../model.ts'
import { withId, withProgressToken, withRequestId } from './envelope.ts'

export interface OwnIds {
  readonly id?: RequestId
  readonly progressToken?: string
  readonly cancelledId?: string
}

/** The JSON-RPC object that goes to a server: as judged, with the gateway's own ids and progress token in the places of the client's. */
export function outgoingEnvelope(envelope: JsonObject, { id, progressToken, cancelledId }: OwnIds): JsonObject {
  const named = id === undefined ? envelope : withId(envelope, id)
  const tokened = progressToken === undefined ? named : withProgressToken(named, progressToken)
  return cancelledId === undefined ? tokened : withRequestId(tokened, cancelledId)
}
