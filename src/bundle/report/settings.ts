import { z } from 'zod'
import { secret, text, tls, url } from '../../fields.ts'
import { isConfidential } from '../../loopback.ts'

const address = 'an https URL (http on loopback) without user, password, query and fragment'

/** A server that takes what OPA would report. */
export const reportSettings = (resource: 'logs' | 'status') =>
  z.strictObject({
    url: url(address).refine((value) => !URL.canParse(value) || (isConfidential(new URL(value)) && new URL(value).search === ''), { error: address })
      .meta({ title: address, description: `Where the server begins; what is reported is sent to \`/${resource}\` below it.` }),
    partition: text('a path below it').regex(/^(?!\.\.?(?:\/|$))[\w.~-]+(?:\/(?!\.\.?(?:\/|$))[\w.~-]+)*$/, { error: 'names of letters, digits, ., _, ~ and -, with / between' }).optional()
      .meta({ description: `OPA's partition: sent to \`/${resource}/PARTITION\` instead.` }),
    credentials: z.strictObject({
      kind: z.literal('bearer', { error: 'bearer' }),
      token_from: secret().meta({ description: 'Sent as `Authorization: Bearer …`.' }),
    }).optional().meta({ description: 'What the server wants to see.' }),
    tls: tls().optional(),
  }).superRefine((report, context) => {
    if (!/^https:/i.test(report.url) && report.tls !== undefined) context.addIssue({ code: 'custom', path: ['tls'], input: undefined, message: 'nothing, or an https address' })
  })
