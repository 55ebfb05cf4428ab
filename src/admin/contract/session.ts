import { z } from 'zod'
import { cursor, decisionKind, json, limit, page, person, reason, time } from './shapes.ts'

/** A time in a filter: RFC 3339 with any offset. */
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export const sessionQuery = z.strictObject({
  actor: z.string().max(512).optional().describe('subject or e-mail, of whoever acts or of somebody they act for'),
  group: z.string().max(512).optional(),
  upstream: z.string().max(512).optional(),
  call: z.string().max(2048).optional().describe('name of a tool, prompt or resource'),
  decision: decisionKind.optional(),
  from: instant.optional(),
  to: instant.optional(),
  cursor,
  limit,
})
export const eventQuery = z.strictObject({ cursor, limit })

export const session = z.object({
  id: z.string(),
  started_at: time,
  ended_at: time.nullable(),
  actor: person,
  upstream: z.string(),
  revision: z.string(),
  client: z.object({ name: z.string().optional(), version: z.string().optional() }).describe('self-reported'),
  events: z.int(),
  denied: z.int(),
  masked: z.int(),
  approvals: z.int(),
})
export type SessionView = z.infer<typeof session>
export const sessionPage = page(session)

export const event = z.object({
  seq: z.int(),
  at: time,
  exchange: z.string(),
  direction: z.enum(['to_server', 'to_client']),
  kind: z.enum(['request', 'notification', 'result', 'error']),
  method: z.string(),
  call: z.string().nullable(),
  decision: z.object({ kind: decisionKind, reasons: z.array(reason).readonly(), bundle: z.string() }),
  outcome: z.enum(['forwarded', 'answered', 'denied', 'dropped', 'held', 'unknown']),
  hidden: z.array(z.string()).readonly().describe('the rules whose masks took something out before the message went on'),
  hidden_from_record: z.array(z.object({ detector: z.string(), count: z.int() })).readonly()
    .describe('what was found and is replaced in this record only: whoever got the message got this, too'),
  message: json.describe('the JSON-RPC message, masked'),
})
export type EventView = z.infer<typeof event>
export const eventPage = page(event)
