/**
 * The gateway's own SSE event ids in place of a server's (MCP 2025-11-25 basic/transports, "Resumability and Redelivery"):
 * unguessable ones would not help, since a session id and a token are needed anyway.
 */
export interface EventIds {
  /** The gateway's id for an event of a server's stream; `request` is the upstream id of the one on whose stream it came. */
  assign(upstreamId: string, request: string | undefined): string
  /** The server's id behind one of the gateway's, while it is remembered. */
  resolve(id: string): KnownEvent | undefined
}

export interface KnownEvent {
  readonly upstreamId: string
  readonly request: string | undefined
}

export function createEventIds(limit = 1000): EventIds {
  const known = new Map<string, KnownEvent>()
  let next = 1
  return {
    assign(upstreamId, request) {
      const id = `e${next++}`
      known.set(id, { upstreamId, request })
      if (known.size > limit) for (const oldest of known.keys()) return known.delete(oldest), id
      return id
    },
    resolve: (id) => known.get(id),
  }
}
