interface Row {
  readonly status: number
  readonly rpc: number
  readonly public: string
}

/** Every fault of the gateway: HTTP status, JSON-RPC code and the sentence a caller may read. */
export const errorTable = {
  internal: { status: 500, rpc: -32603, public: 'internal error of the gateway' },
  record_unavailable: { status: 503, rpc: -33002, public: 'the gateway cannot record at the moment; try again' },
  queue_full: { status: 503, rpc: -33002, public: 'the gateway is at capacity; try again' },
  no_bundle: { status: 503, rpc: -33002, public: 'the gateway has no active policy; try again' },
  shutting_down: { status: 503, rpc: -33002, public: 'the gateway is shutting down; try again' },
  signed_out: { status: 403, rpc: -33002, public: 'the person who called is not signed in any more: sign in again' },
  upstream_unreachable: { status: 502, rpc: -33003, public: 'the MCP server could not be reached' },
  upstream_broken: { status: 502, rpc: -33003, public: 'the MCP server answered in a way that the protocol does not know' },
  upstream_timeout: { status: 504, rpc: -33003, public: 'the MCP server did not answer in time' },
  capacity: { status: 503, rpc: -33002, public: 'too many open sessions or server processes; try again' },
  busy: { status: 503, rpc: -33002, public: 'too many calls of yours are running; try again' },
  bad_cursor: { status: 400, rpc: -32602, public: 'the cursor is not one that this gateway gave' },
} as const satisfies Record<string, Row>

export type ErrorCode = keyof typeof errorTable

/** A fault. `detail` and `cause` go to the log, never to the caller. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  /** Express and oidc-provider read the status of a fault by this name. */
  readonly statusCode: number

  constructor(code: ErrorCode, options: { cause?: unknown; detail?: string } = {}) {
    super(errorTable[code].public, { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.detail = options.detail
    this.statusCode = errorTable[code].status
  }
}

/** What a fault says of itself, whatever was thrown: an `Error` of another realm is no instance of this one's, and some libraries throw text. */
export const messageOf = (fault: unknown): string => (typeof fault === 'object' && fault !== null && 'message' in fault ? String(fault.message) : String(fault))
