import { z } from 'zod'
import { cursor, json, limit, page, person, reason, time } from './shapes.ts'

const approvalState = z.enum(['pending', 'granted', 'refused', 'expired', 'withdrawn', 'executed', 'void'])

export const approvalQuery = z.strictObject({ state: approvalState.optional(), cursor, limit })

export const answer = z.object({
  verdict: z.enum(['approve', 'deny', 'withdrawn']).describe('`withdrawn` takes an earlier approval back: the account of its reviewer has ended'),
  reviewer: z.object({ issuer: z.string(), subject: z.string(), email: z.string().optional() }),
  reason: z.string(),
  at: time,
})

const requirement = z.object({
  rule: z.string(),
  code: z.string(),
  reviewers: z.array(z.string()).readonly().describe('groups of which a reviewer must be a member'),
  quorum: z.int(),
  answers: z.array(answer).readonly(),
})

export const approval = z.object({
  id: z.string(),
  state: approvalState,
  requester: person,
  upstream: z.string(),
  session: z.string(),
  call: z.object({
    kind: z.enum(['tool', 'prompt', 'resource']),
    name: z.string(),
    arguments: z.record(z.string(), json),
    others: z.record(z.string(), json).describe('what else is sent: the other members of its params, without what belongs to one sending, such as the progress token'),
  }).describe('masked'),
  reasons: z.array(reason).readonly(),
  risk: z.number(),
  requirements: z.array(requirement).readonly(),
  created_at: time,
  expires_at: time,
  decided_at: time.nullable(),
  digest: z.string().describe('binds the approval to the exact call'),
})
export type ApprovalView = z.infer<typeof approval>
export const approvalPage = page(approval)

const words = z.string().trim().max(2000)
export const approveBody = z.strictObject({ reason: words.optional() })
export const denyBody = z.strictObject({ reason: words.min(1, 'a denial needs a reason') })
