import { Option } from 'commander'
import type { ApprovalView } from '../admin/contract/approval.ts'
import { createApiClient } from './api.ts'
import type { CommandContext, Register } from './main.ts'
import { exitCode, printableLine, type Output } from './output.ts'
import { readCount, readPages } from './pages.ts'
import { nameOf } from './replay.ts'

interface ListArguments {
  readonly state: string
  readonly limit: string
  readonly all?: boolean
  readonly json?: boolean
}
interface AnswerArguments {
  readonly reason?: string
  readonly json?: boolean
}

export const registerApprovals: Register = (program, context) => {
  const approvals = program.command('approvals').description('list, show and answer approvals')
  approvals
    .command('list')
    .description('list approvals, newest first')
    .option('--state <state>', 'pending, granted, refused, expired, withdrawn, executed or void', 'pending')
    .addOption(new Option('--all', 'in whatever state').conflicts('state'))
    .option('--limit <count>', 'how many at most', '50')
    .option('--json', 'print the shapes of the admin API')
    .action((given: ListArguments) => list(given, context))
  approvals
    .command('show')
    .description('show everything a reviewer needs')
    .argument('<id>')
    .option('--json', 'print the shape of the admin API')
    .action((id: string, given: { readonly json?: boolean }) => show(id, given.json === true, context))
  for (const verdict of ['approve', 'deny'] as const) {
    approvals
      .command(verdict)
      .description(verdict === 'approve' ? 'let the call run, once, exactly as it was shown' : 'refuse the call')
      .argument('<id>')
      .option('--reason <words>', verdict === 'approve' ? 'why' : 'why (needed)')
      .option('--json', 'print the shape of the admin API')
      .action((id: string, given: AnswerArguments) => answer(id, verdict, given, context))
  }
}

const refuse = ({ output, exit }: CommandContext, code: number, message: string): void => {
  output.note(`sallyport approvals: ${message}`)
  exit(code)
}

const remaining = (approval: ApprovalView): string => {
  const seconds = Math.round((Date.parse(approval.expires_at) - Date.now()) / 1000)
  if (seconds <= 0) return 'over'
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
type Answers = ApprovalView['requirements'][number]['answers']
const countOf = (answers: Answers, wanted: Answers[number]['verdict']): number => answers.filter(({ verdict }) => verdict === wanted).length
const given = ({ requirements }: ApprovalView): string =>
  requirements.map(({ quorum, answers }) => `${countOf(answers, 'approve') - countOf(answers, 'withdrawn')}/${quorum}`).join(' ')

async function list({ state, all, limit, json }: ListArguments, context: CommandContext): Promise<void> {
  const { output, env } = context
  const most = readCount(limit)
  if (most === undefined) return refuse(context, exitCode.misuse, '--limit wants a whole number above 0')
  const answer = await readPages<ApprovalView>(createApiClient(env), 'approvals', all === true ? {} : { state }, most)
  if (!answer.ok) return refuse(context, answer.exit, answer.message)
  const { items, next_cursor } = answer.body
  if (json === true) return output.json(answer.body)
  if (items.length === 0) return output.note(all === true ? 'there is no approval' : `no approval is ${state}`)
  output.table(
    ['ID', 'STATE', 'ASKED (UTC)', 'WHO', 'WANTS', 'AT', 'WHY', 'CONSENT', 'TIME LEFT'],
    items.map((item) => [
      item.id, item.state, item.created_at.slice(0, 19).replace('T', ' '), nameOf(item.requester), item.call.name, item.upstream,
      [...new Set(item.requirements.map(({ code }) => code))].join(', '), given(item), item.state === 'pending' || item.state === 'granted' ? remaining(item) : '',
    ]),
  )
  if (next_cursor !== null) output.note('there are more; --limit shows them')
}

function print(approval: ApprovalView, output: Output): void {
  const say = (label: string, text: string) => output.line(`${label.padEnd(12)}${printableLine(text)}`)
  const { requester } = approval
  say('Approval', `${approval.id}  ${approval.state}`)
  say('Who', `${nameOf(requester)} (${requester.kind}, ${requester.provider}; groups ${requester.groups.join(', ') || 'none'})`)
  say('Wants', `${approval.call.kind} ${approval.call.name} at ${approval.upstream}`)
  const sayJson = (label: string, value: object) => JSON.stringify(value, null, 2).split('\n').forEach((line, index) => say(index === 0 ? label : '', line))
  sayJson('With', approval.call.arguments)
  if (Object.keys(approval.call.others).length > 0) sayJson('And', approval.call.others)
  for (const reason of approval.reasons) say('Why', `${reason.message ?? reason.title ?? reason.code} (${reason.rule})`)
  say('Risk', String(approval.risk))
  for (const { rule, reviewers, quorum, answers } of approval.requirements) {
    say('Needs', `${quorum} of ${reviewers.join(', ')} for ${rule}`)
    for (const { verdict, reviewer, reason, at } of answers) say('', `${reviewer.email ?? reviewer.subject}: ${verdict}${reason === '' ? '' : `, "${reason}"`} at ${at}`)
  }
  const open = approval.state === 'pending' || approval.state === 'granted'
  say('Asked', `${approval.created_at}${approval.decided_at === null ? '' : `, decided ${approval.decided_at}`}`)
  say('Expires', `${approval.expires_at}${open ? ` (in ${remaining(approval)})` : ''}`)
  say('Session', approval.session)
  say('Digest', approval.digest)
}

async function show(id: string, json: boolean, context: CommandContext): Promise<void> {
  const found = await createApiClient(context.env).get<ApprovalView>(`approvals/${encodeURIComponent(id)}`)
  if (!found.ok) return refuse(context, found.exit, found.message)
  if (json) return context.output.json(found.body)
  print(found.body, context.output)
}

async function answer(id: string, verdict: 'approve' | 'deny', { reason, json }: AnswerArguments, context: CommandContext): Promise<void> {
  if (verdict === 'deny' && (reason ?? '').trim() === '') return refuse(context, exitCode.misuse, 'a denial needs --reason')
  const answered = await createApiClient(context.env).post<ApprovalView>(`approvals/${encodeURIComponent(id)}/${verdict}`, reason === undefined ? {} : { reason })
  if (!answered.ok) return refuse(context, answered.exit, answered.message)
  if (json === true) return context.output.json(answered.body)
  const { state, call, requester } = answered.body
  const told = state === 'granted' ? 'may run now, once' : state === 'pending' ? 'waits for further reviewers' : 'will not run'
  context.output.line(printableLine(`${answered.body.id} is ${state}: ${call.name} of ${nameOf(requester)} ${told}`))
}
