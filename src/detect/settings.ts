import { z } from 'zod'
import { builtIn } from './index.ts'
import { createPatternDetector } from './pattern.ts'

const pattern = z.string().superRefine((value, context) => {
  const made = createPatternDetector(value)
  if (!made.ok) context.addIssue({ code: 'custom', message: made.problem })
})
const settings = z.record(z.string(), z.strictObject({ pattern })).superRefine((value, context) => {
  for (const name of Object.keys(value)) {
    const problem = Object.hasOwn(builtIn, name)
      ? 'another name: a built-in detector has this one'
      : /^[a-z][a-z0-9_]{0,63}$/.test(name)
        ? undefined
        : 'a name of lower case letters, digits and _, beginning with a letter'
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem })
  }
})

/** Detectors of the organisation's own, each a pattern in RE2's syntax. */
export const detectorsSettings = settings.default({})
