import { z } from 'zod'
import { path } from '../fields.ts'

export const policySettings = z.strictObject({
  source: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('directory'),
      path: path('a directory with Rego files').meta({ description: 'A directory of Rego and data files. It is watched: a change that builds becomes active without a restart, one that does not leaves the old bundle active. Whoever can write to it writes policy.' }),
    }),
  ]).meta({ description: 'Where the policies come from.' }),
})
