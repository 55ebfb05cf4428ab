import { z } from 'zod'
import { whole } from '../fields.ts'

const most = 64
const expectation = `auto or a whole number from 1 to ${most}`

export const workersSettings = z.union([z.literal('auto'), whole(1, most)], { error: expectation }).default(1)
  .meta({ title: `\`auto\` or a whole number from 1 to ${most}` })
