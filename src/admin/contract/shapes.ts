import { z } from 'zod'

/** RFC 3339, UTC, milliseconds. */
export const time = z.iso.datetime({ precision: 3 }).describe('RFC 3339, UTC, milliseconds')

/** Any JSON value, as it was recorded. */
export const json = z.unknown().describe('any JSON value')

export const page = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item).readonly(),
    next_cursor: z.string().nullable().describe('pass it as `cursor` to get the next page; null on the last one'),
  })

/** Who somebody is, without the claims of the token. */
export const person = z.object({
  kind: z.enum(['person', 'service', 'agent', 'nobody']).describe('nobody: requests without a good token, which were turned away'),
  subject: z.string(),
  issuer: z.string(),
  provider: z.string(),
  groups: z.array(z.string()).readonly(),
  groups_known: z.boolean(),
  email: z.string().optional(),
  acting_for: z.array(z.object({ issuer: z.string(), subject: z.string(), email: z.string().optional() })).readonly().optional()
    .describe('on whose behalf: who comes next first, and the person behind all of them last'),
})
export type PersonView = z.infer<typeof person>

export const decisionKind = z.enum(['allow', 'deny', 'mask', 'require_approval'])

export const reason = z.object({
  code: z.string(),
  message: z.string().optional(),
  rule: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  remedy: z.string().optional(),
  link: z.string().optional(),
})

/** RFC 9457. `type` is `about:blank`: the status and `code` say all there is. */
export const problem = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string().describe('stable, for programs'),
})
export type Problem = z.infer<typeof problem>

export const cursor = z.string().max(512).optional()
export const limit = z.coerce.number().int().min(1).max(200).optional()
