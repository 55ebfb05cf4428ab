import { createHmac } from 'node:crypto'
import type { ApprovalId, Clock, GrantedApproval } from '../model.ts'
import { createSealing } from '../sealing.ts'

/** What a client is given to bring back. Nobody else can read it, change it or make one. */
export type Ticket =
  /** The call still waits for its reviewers. */
  | { readonly kind: 'wait'; readonly approval: ApprovalId; readonly digest: string; readonly round: number }
  /** The approved call waits for the client's input: what was approved, the next leg's number, and the server's own state. */
  | { readonly kind: 'leg'; readonly approval: ApprovalId; readonly digest: string; readonly grant?: GrantedApproval; readonly leg: number; readonly definition: string | null; readonly state?: string }
  /** The call is a task that the gateway made. */
  | { readonly kind: 'task'; readonly approval: ApprovalId; readonly created: number; readonly expires: number }

/** Whose ticket it is, and for what: it opens for nobody else and for nothing else. */
export interface Holder {
  /** Who acts, of what kind they are, and for whom: one agent acts for many. */
  readonly caller: string
  readonly upstream: string
  readonly method: string
}

export type TicketReading = { readonly kind: 'ticket'; readonly ticket: Ticket } | { readonly kind: 'expired' } | { readonly kind: 'broken' }

export interface Tickets {
  write(ticket: Ticket, holder: Holder, expires: number): string
  /** Whether a text claims to be a ticket of this gateway; any other state is a server's own. */
  isOwn(text: string): boolean
  read(text: string, holder: Holder): TicketReading
}

/** Sealed under a key derived from the store's: tickets outlive the process, and every replica with that key reads them. */
export function createTickets(key: Uint8Array, now: Clock): Tickets {
  const sealing = createSealing(key, { seal: 'ticket', digest: 'ticket digest' })
  // Gateways may stand in a row, and each must know its own tickets from the next one's.
  const prefix = `sp${createHmac('sha256', key).update('sallyport ticket name 1').digest('hex').slice(0, 10)}_`
  const about = ({ caller, upstream, method }: Holder) => [caller, upstream, method]

  return {
    write: (ticket, holder, expires) => prefix + Buffer.from(sealing.seal(JSON.stringify([expires, ticket]), about(holder))).toString('base64url'),
    isOwn: (text) => text.startsWith(prefix),
    read(text, holder) {
      const opened = text.startsWith(prefix) ? sealing.open(Buffer.from(text.slice(prefix.length), 'base64url'), about(holder)) : undefined
      if (opened === undefined) return { kind: 'broken' }
      const [expires, ticket] = JSON.parse(opened) as [number, Ticket] // sealed by this gateway
      return expires <= now() ? { kind: 'expired' } : { kind: 'ticket', ticket }
    },
  }
}
