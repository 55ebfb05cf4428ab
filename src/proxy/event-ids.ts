/**
 * The gateway's own SSE event ids in place of a server's (MCP 2025-11-25 basic/transports, "Resumability and Redelivery"):
 * unguessable ones would not help, since a session id and a token are needed anyway.
 */
export interface EventIds<Owner> {
  /** The gateway's id for an event of a server's stream; `owner` is the request on whose stream it came. */
  assign(upstreamId: string, owner: Owner | undefined): string
  /** The server's id behind one of the gateway's, while it is remembered. */
  resolve(id: string): { readonly upstreamId: string; readonly owner: Owner | undefined } | undefined
}

export function createEventIds<Owner>(limit = 1000): EventIds<Owner> {
  const known = new Map<string, { readonly upstreamId: string; readonly owner: Owner | undefined }>()
  let next = 1
  return {
    assign(upstreamId, owner) {
      const id = `e${next++}`
      known.set(id, { upstreamId, owner })
      if (known.size > limit) for (const oldest of known.keys()) return known.delete(oldest), id
      return id
    },
    resolve: (id) => known.get(id),
  }
}
