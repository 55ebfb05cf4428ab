import type { EventView } from '../admin/contract/session.ts'

/** Which messages of a session are wanted. */
export interface EventArguments {
  readonly call?: string
  readonly decision?: string
  readonly method?: string
  readonly json?: boolean
}

/** Of one session. */
export const mostEvents = 100_000

export const fits = (event: EventView, { call, decision, method }: EventArguments): boolean =>
  (call === undefined || event.call === call) && (decision === undefined || event.decision.kind === decision) && (method === undefined || event.method === method)
