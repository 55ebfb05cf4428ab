import { z } from 'zod'
import { time } from './shapes.ts'

export const policy = z.object({
  active: z
    .object({ digest: z.string(), revision: z.string(), commit: z.string().nullable(), activated_at: time })
    .nullable()
    .describe('null while no bundle was ever good'),
  last_run: z
    .object({
      at: time,
      stages: z.array(z.object({ name: z.string(), ms: z.number(), ok: z.boolean() })).readonly(),
      error: z.string().nullable().describe('why the newest sources are not active'),
    })
    .nullable(),
})
/** By this a client of OPA's bundle API knows that it may wait for the next bundle. */
export const bundleMedia = 'application/vnd.openpolicyagent.bundles'

export type PolicyView = z.infer<typeof policy>
