import { z } from 'zod'
import { builtIn } from './index.ts'
import { createPatternDetector } from './pattern.ts'

const pattern = z.string().superRefine((value, context) => {
  const made = createPatternDetector(value)
  if (!made.ok) context.addIssue({ code: 'custom', message: made.problem })
})
const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'a detector\'s name is lower case letters, digits and _, and begins with a letter')
  .refine((value) => !Object.hasOwn(builtIn, value), 'a built-in detector has this name')

/** Detectors of the organisation's own, each a pattern in RE2's syntax. */
export const detectorsSettings = z.record(name, z.strictObject({ pattern })).default({})
export type DetectorsSettings = z.infer<typeof detectorsSettings>
/** The settings' part as it stands in the configuration file. */
export const detectSettings = z.strictObject({ detectors: detectorsSettings })
