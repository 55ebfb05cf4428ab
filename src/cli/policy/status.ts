import type { PolicyView } from '../../admin/contract/policy.ts'
import { createApiClient } from '../api.ts'
import { exitCode, printable, type Output } from '../output.ts'
import { json } from './shared.ts'
import type { AddCommand } from './shared.ts'

const span = (seconds: number): string => (seconds < 120 ? `${Math.round(seconds)} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`)

/** For people; what they should look at comes last. */
export const showStatus = ({ active, last_run, rolled_back, source, decision_logs, shadow }: PolicyView, output: Output): void => {
  const say = (label: string, text: string): void => output.line(`${label.padEnd(12)}${printable(text)}`)
  say('Active', active === null ? 'nothing' : `${active.digest}  since ${active.activated_at}`)
  if (active !== null) say('Revision', active.commit === null || active.commit === active.revision ? active.revision : `${active.revision} (commit ${active.commit})`)
  if (source !== null) say('Source', `${source.state === 'current' ? 'agreed with what is active' : 'has not agreed with what is active for'} ${span(source.age_seconds)}${source.state === 'current' ? ' ago' : ''}`)
  if (source?.state === 'stale') say('', 'everything is denied until it is (policy.max_age.deny)')
  if (last_run !== null) say('Last run', `${last_run.at}  ${last_run.stages.map(({ name, ms, ok }) => `${name} ${ok ? `${ms} ms` : 'failed'}`).join(', ')}`)
  if (rolled_back !== null) say('Rolled back', `from ${rolled_back.from} by ${rolled_back.by?.email ?? rolled_back.by?.subject ?? 'the gateway'} at ${rolled_back.at}: ${rolled_back.reason}`)
  if (last_run !== null && last_run.error !== null) for (const [at, line] of last_run.error.split('\n').entries()) say(at === 0 ? 'Not active' : '', line)
  if (decision_logs !== null) for (const [at, line] of logLines(decision_logs).entries()) say(at === 0 ? 'Sent' : '', line)
  if (shadow !== null) for (const [at, line] of shadowLines(shadow).entries()) say(at === 0 ? 'Shadow' : '', line)
}

/** What became of decisions that are sent elsewhere. */
function logLines({ sent, lost, dropped, bare, withheld, failing, fault }: NonNullable<PolicyView['decision_logs']>): readonly string[] {
  const others = Object.entries({ 'left out by system.log': dropped, 'without input and result': bare, withheld, lost }).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]))
  return [
    [`${sent} decisions`, ...others].join(', '),
    ...(failing === null ? [] : [`not now: ${failing}`]),
    ...(fault === null ? [] : [`${fault.at}  ${fault.why}`]),
  ]
}

const fewExamples = 5
/** What a second bundle would have decided. */
function shadowLines({ bundle, same, different, dropped, failed, transitions, examples, error }: NonNullable<PolicyView['shadow']>): readonly string[] {
  return [
    bundle === null ? 'nothing yet' : `${bundle.digest}  since ${bundle.activated_at} (${bundle.revision})`,
    ...(bundle === null ? [] : [`${same} decided the same, ${different} otherwise, ${dropped} not asked, ${failed} without a verdict`]),
    ...transitions.map(({ before, after, decisions }) => `  ${before} → ${after}${before === after ? ', otherwise' : ''}: ${decisions}`),
    ...examples.slice(0, fewExamples).map(({ at, actor, upstream, call, method, before, after }) => `  ${at}  ${actor}  ${upstream} ${call ?? method}: ${before.kind} (${before.rules.join(', ')}) → ${after.kind} (${after.rules.join(', ')})`),
    ...(error === null ? [] : error.split('\n')),
  ]
}

/** Whether the gateway judges by what its source says, or by what somebody chose. */
const isFine = ({ active, last_run, rolled_back, source }: PolicyView): boolean =>
  active !== null && (source === null || source.state === 'current') && (rolled_back !== null || last_run === null || last_run.error === null)

export const addStatus: AddCommand = (policy, { output, exit, env }) => {
  policy
    .command('status')
    .description('show what a gateway judges by, and why the newest policies are not active')
    .addOption(json())
    .action(async (given: { readonly json?: boolean }) => {
      const answer = await createApiClient(env).get<PolicyView>('policy')
      if (!answer.ok) {
        output.note(`sallyport policy status: ${answer.message}`)
        return exit(answer.exit)
      }
      if (given.json) output.json(answer.body)
      else showStatus(answer.body, output)
      if (!isFine(answer.body)) exit(exitCode.no)
    })
}
