import { z } from 'zod'
import { page, time } from './shapes.ts'

const doer = z.object({ issuer: z.string(), subject: z.string(), email: z.string().optional() })
const bundle = { digest: z.string(), revision: z.string(), commit: z.string().nullable(), sequence: z.number().nullable() }

const found = z.object({
  stage: z.string(), file: z.string().nullable(), row: z.number().nullable(), col: z.number().nullable(),
  code: z.string(), message: z.string(), remedy: z.string().nullable(),
})

const told = z.object({ kind: z.string(), rules: z.array(z.string()).readonly(), risk: z.number() })
const shadow = z.object({
  bundle: z.object({ digest: z.string(), revision: z.string(), commit: z.string().nullable(), activated_at: time }).nullable().describe('null while none was ever good'),
  same: z.int(), different: z.int(),
  dropped: z.int().describe('not asked, because it was behind or the input too large'),
  failed: z.int().describe('it gave no sound verdict'),
  transitions: z.array(z.object({ before: z.string(), after: z.string(), decisions: z.int() })).readonly(),
  examples: z.array(z.object({
    at: time, actor: z.string(), upstream: z.string(), direction: z.string(), method: z.string(), call: z.string().nullable(),
    in: z.array(z.string()).readonly().describe('what differs'), before: told, after: told,
  })).readonly().describe('the newest first, without anything of the messages'),
  error: z.string().nullable().describe('why the newest sources are not the second bundle'),
})

const decisionLogs = z.object({
  sent: z.int(),
  lost: z.int().describe('their server takes them at no size'),
  dropped: z.int().describe('the rules of package system.log said so'),
  bare: z.int().describe('sent without input and result, because these rules could not say what to hide'),
  withheld: z.int().describe('not sent, because these rules could not say whether to'),
  failing: z.string().nullable().describe('why their server takes none at present'),
  fault: z.object({ at: time, why: z.string() }).nullable().describe('why these rules could not be followed, the last time since they are active'),
})

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
      problems: z.array(found).readonly().describe('the same, one by one'),
      warnings: z.array(found).readonly().describe('what did not keep them from becoming active'),
    })
    .nullable(),
  rolled_back: z
    .object({ digest: z.string(), from: z.string(), at: time, by: doer.nullable(), reason: z.string() })
    .nullable()
    .describe('not null while an older bundle is active because somebody went back to it'),
  source: z
    .object({ state: z.enum(['current', 'alarm', 'stale']), age_seconds: z.number() })
    .nullable()
    .describe('how long ago the source was last seen to say what is active; while it is stale, everything is denied'),
  decision_logs: decisionLogs.nullable().describe('what became of decisions that were to be sent elsewhere (policy.decision_logs), since the start; null where there is no such server'),
  shadow: shadow.nullable().describe('what a second bundle would have decided (policy.shadow); null where there is none'),
})
/** By this a client of OPA's bundle API knows that it may wait for the next bundle. */
export const bundleMedia = 'application/vnd.openpolicyagent.bundles'

export const keptBundles = page(z.object({ ...bundle, activated_at: time, active: z.boolean() }))
export const policyActs = page(
  z.object({
    at: time,
    kind: z.enum(['rollback', 'release', 'resume']).describe('resume: the bundle of the source became active after a rollback'),
    by: doer.nullable().describe('null where the gateway went on by itself'),
    reason: z.string(),
    from: z.object(bundle).describe('the newest bundle of the source that was active'),
    to: z.object(bundle).nullable().describe('what became active; null where the source decides'),
  }),
)
export const rollbackBody = z
  .strictObject({
    digest: z.string().regex(/^bnd_[0-9a-f]{32}$/, 'the digest of a bundle, bnd_…').optional().describe('which bundle is to be active'),
    release: z.literal(true).optional().describe('instead of a digest: the source decides again'),
    reason: z.string().trim().min(1, 'a reason is needed').max(2000),
  })
  .refine(({ digest, release }) => (digest === undefined) !== (release === undefined), 'either digest or release')

export type PolicyView = z.infer<typeof policy>
