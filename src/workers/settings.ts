import { z } from 'zod'

const most = 64
const expectation = `auto or a whole number from 1 to ${most}`
const isCount = (value: unknown): boolean => value === 'auto' || (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most)

export const workersSettings = z.custom<'auto' | number>(isCount, { error: expectation }).default(1).meta({ title: `\`auto\` or a whole number from 1 to ${most}` })
