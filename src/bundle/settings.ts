import { z } from 'zod'
import { commitsSettings, sourceSettings } from './source/settings.ts'

const verify = z.strictObject({
  commits: commitsSettings.optional(),
}).meta({ description: 'Whose policies may become active. Anything else leaves the active bundle as it is.' })

/** The section `policy` of the configuration, from the rooms in which its parts are used. */
export const policySettings = z.strictObject({
  source: sourceSettings,
  verify: verify.optional(),
}).superRefine(({ source, verify }, context) => {
  if (verify?.commits !== undefined && source.kind !== 'git') context.addIssue({ code: 'custom', path: ['verify', 'commits'], input: undefined, message: 'nothing, because the policies do not come from Git' })
})
