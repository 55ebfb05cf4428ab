import { z } from 'zod'
import { casesSettings, testsSettings } from './pipeline/settings.ts'
import { reportSettings } from './report/settings.ts'
import { rulesSettings } from './rules/settings.ts'
import { commitsSettings, sourceSettings } from './source/settings.ts'
import { bundleVerifySettings, maxAgeSettings, signSettings } from './trust/settings.ts'

const verify = z.strictObject({
  ...bundleVerifySettings,
  commits: commitsSettings.optional(),
}).meta({ description: 'Whose policies may become active. Anything else leaves the active bundle as it is.' })

/** The section `policy` of the configuration, from the rooms in which its parts are used. */
export const policySettings = z.strictObject({
  source: sourceSettings,
  rules: rulesSettings.optional(),
  tests: testsSettings.prefault({}).meta({ description: 'What is asked of the tests that a source brings. They run before every activation, by both evaluators.' }),
  cases: casesSettings.optional(),
  verify: verify.optional(),
  sign: signSettings.optional(),
  shadow: z.strictObject({
    source: sourceSettings,
  }).optional().meta({ description: 'A second bundle that judges live traffic without effect, after the decision and on a thread of its own. What it would decide otherwise is counted in the metrics and listed by `sallyport policy status`. `policy.rules` belongs to it too; `policy.verify`, `tests` and `cases` are not asked of it.' }),
  decision_logs: reportSettings('logs').optional().meta({ description: 'Where every decision goes in the form of OPA\'s decision logs, as the record holds it: what was detected or masked is already replaced. The upload follows the record and never holds up a call.' }),
  status: reportSettings('status').optional().meta({ description: 'Where it goes, in the form of OPA\'s status reports, which policies are active and what came of the last run.' }),
  max_age: maxAgeSettings.prefault({}).meta({ description: 'What happens when the source is out of reach, or what it says does not become active. The last good policy stays, at a restart too.' }),
}).superRefine(({ source, verify, shadow }, context) => {
  if (shadow?.source.kind === 'git' && shadow.source.webhook !== undefined) context.addIssue({ code: 'custom', path: ['shadow', 'source', 'webhook'], input: undefined, message: 'nothing: deliveries are for the source alone' })
  if (verify?.keys !== undefined && source.kind !== 'bundle') context.addIssue({ code: 'custom', path: ['verify', 'keys'], input: undefined, message: 'nothing, because the policies do not come as a bundle' })
  if (verify?.scope !== undefined && verify.keys === undefined) context.addIssue({ code: 'custom', path: ['verify', 'keys'], input: undefined, message: 'the keys whose signatures have that scope' })
  if (verify?.commits !== undefined && source.kind !== 'git') context.addIssue({ code: 'custom', path: ['verify', 'commits'], input: undefined, message: 'nothing, because the policies do not come from Git' })
})
