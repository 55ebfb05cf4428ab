import { z } from 'zod'
import { path } from '../../fields.ts'

const percent = 'a number from 0 to 100'

/** The tests of a source always run; what is asked of them is the configuration's. */
export const testsSettings = z.strictObject({
  coverage: z.number({ error: percent }).min(0, { error: percent }).max(100, { error: percent }).optional()
    .meta({ title: percent, description: 'How much of the lines of the policies their tests must reach. To find it out takes about three times as long as the tests alone. Default: not looked at.' }),
})

export const casesSettings = path('a directory of decision cases')
  .meta({ description: 'Decision cases (`*.yaml`) beside those of the source (`cases/` there). A bundle that decides one of them otherwise does not become active.' })
