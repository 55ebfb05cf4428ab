import { z } from 'zod'
import { cursor, json, limit, page, person } from './shapes.ts'

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const milliseconds = z.number().describe('milliseconds since the epoch')

export const recordedQuery = z.strictObject({
  from: instant.describe('recorded at or after'),
  to: instant.optional().describe('recorded at or before'),
  cursor,
  limit,
})

/** A decision with what it depended on, for whoever judges it again. */
export const recorded = z.object({
  session: z.object({
    id: z.string(), started_at: milliseconds, actor: person, upstream: z.string(), revision: z.string(),
    client: z.object({ name: z.string().optional(), version: z.string().optional() }),
  }),
  event: z.object({
    seq: z.int(), at: milliseconds, exchange: z.string(),
    direction: z.enum(['to_server', 'to_client']),
    kind: z.enum(['request', 'notification', 'result', 'error']),
    method: z.string(), call: z.string().nullable(),
    decision: json.describe('the whole decision'),
    findings: z.array(json).readonly(),
    message: z.string().describe('the JSON-RPC message, masked, as printed JSON'),
    basis: z.string().nullable().describe('what was asked beside what the message shows, as printed JSON; without claims'),
  }),
})
export type RecordedView = z.infer<typeof recorded>
export const recordedPage = page(recorded)
