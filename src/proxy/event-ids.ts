/**
 * The gateway's own SSE event ids in place of a server's (MCP 2025-11-25 basic/transports, "Resumability and Redelivery"):
 * unguessable ones would not help, since a session id and a token are needed anyway.
 */
export interface EventIds {
  /** The gateway's id for an event of a server's stream. */
  assign(upstreamId: string): string
  /** The server's id behind one of the gateway's, while it is remembered. */
  resolve(id: string): string | undefined
}

export function createEventIds(limit = 1000): EventIds {
  const known = new Map<string, string>()
  let next = 1
  return {
    assign(upstreamId) {
      const id = `e${next++}`
      known.set(id, upstreamId)
      if (known.size > limit) for (const oldest of known.keys()) return known.delete(oldest), id
      return id
    },
    resolve: (id) => known.get(id),
  }
}
