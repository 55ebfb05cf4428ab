import type { Command } from 'commander'
import type { EventView, SessionView } from '../admin/contract/session.ts'
import { createApiClient, type ApiAnswer } from './api.ts'
import type { CommandContext, Register } from './main.ts'
import { fits, mostEvents, type EventArguments } from './events.ts'
import { exitCode } from './output.ts'
import { readCount, readPages } from './pages.ts'
import { periodOf } from './period.ts'
import { exportSessions, type ExportArguments } from './sessions-export.ts'
import { aboutOf, headOf, hiddenOf, nameOf, replay, timeOf } from './replay.ts'

interface ListArguments {
  readonly actor?: string
  readonly group?: string
  readonly upstream?: string
  readonly call?: string
  readonly decision?: string
  readonly from?: string
  readonly to?: string
  readonly limit: string
  readonly json?: boolean
}
interface ReplayArguments extends EventArguments {
  readonly step?: boolean
  readonly speed?: string
  readonly full?: boolean
}

const kinds: readonly string[] = ['allow', 'deny', 'mask', 'require_approval']

const withEventFilters = (command: Command): Command =>
  command
    .option('--call <name>', 'only messages about this tool, prompt or resource')
    .option('--decision <kind>', 'only messages so decided: allow, deny, mask or require_approval')
    .option('--method <method>', 'only this method, such as tools/call')
    .option('--json', 'print the shapes of the admin API')

const withSessionFilters = (command: Command): Command =>
  command
    .option('--actor <name>', 'subject or e-mail of who asked')
    .option('--group <group>', 'who asked is in this group')
    .option('--upstream <name>', 'the server')

const kindProblem = (kind: string | undefined): Extract<ApiAnswer<never>, { ok: false }> | undefined =>
  kind === undefined || kinds.includes(kind) ? undefined : { ok: false, exit: exitCode.misuse, message: `--decision wants one of ${kinds.join(', ')}` }

export const registerSessions: Register = (program, context) => {
  const sessions = program.command('sessions').description('list, show and replay recorded sessions')
  withSessionFilters(sessions.command('list').description('list sessions, newest first'))
    .option('--call <name>', 'a tool, prompt or resource was used')
    .option('--decision <kind>', 'something was so decided: allow, deny, mask or require_approval')
    .option('--from <time>', 'began at or after: 7d, 12h, 30m ago, 2026-11-21 or 2026-11-21T08:00:00Z; all in UTC')
    .option('--to <time>', 'began at or before; a day means all of it')
    .option('--limit <count>', 'how many at most', '50')
    .option('--json', 'print the shapes of the admin API')
    .action((given: ListArguments) => list(given, context))
  withEventFilters(sessions.command('show').description('one line for each message of a session').argument('<id>'))
    .action((id: string, given: EventArguments) => show(id, given, context))
  withEventFilters(sessions.command('replay').description('step through a session: times, identity, decisions, masked content').argument('<id>'))
    .option('--step', 'wait for Enter after each message')
    .option('--speed <factor>', 'as fast as it was times this; without it nothing waits')
    .option('--full', 'show long content whole')
    .action((id: string, given: ReplayArguments) => replayOne(id, given, context))
  withEventFilters(withSessionFilters(sessions.command('export').description('print the messages of many sessions, each with its session, as lines of JSON')))
    .option('--from <time>', 'messages of then or later: 7d, 12h, 30m ago, 2026-11-21 or 2026-11-21T08:00:00Z; all in UTC')
    .option('--to <time>', 'messages of then or before; a day means all of it')
    .action(async (given: ExportArguments) => {
      const refused = kindProblem(given.decision) ?? (await exportSessions(given, createApiClient(context.env), context.output))
      if (refused !== undefined) refuse(context, refused.exit, refused.message)
    })
}

const refuse = ({ output, exit }: CommandContext, code: number, message: string): void => {
  output.note(`sallyport sessions: ${message}`)
  exit(code)
}

async function list(given: ListArguments, context: CommandContext): Promise<void> {
  const { output, env } = context
  const { limit, json, from, to, ...filters } = given
  const most = readCount(limit)
  if (most === undefined) return refuse(context, exitCode.misuse, '--limit wants a whole number above 0')
  const times = periodOf({ from, to })
  if (typeof times === 'string') return refuse(context, exitCode.misuse, times)
  const answer = await readPages<SessionView>(createApiClient(env), 'sessions', { ...filters, ...times }, most)
  if (!answer.ok) return refuse(context, answer.exit, answer.message)
  const { items, next_cursor } = answer.body
  if (json === true) return output.json(answer.body)
  if (items.length === 0) return output.note('no session fits')
  output.table(
    ['ID', 'STARTED (UTC)', 'WHO', 'SERVER', 'CLIENT', 'EVENTS', 'DENIED', 'MASKED', 'HELD'],
    items.map((item) => [
      item.id, item.started_at.slice(0, 19).replace('T', ' '), nameOf(item.actor), item.upstream, item.client.name ?? '',
      ...[item.events, item.denied, item.masked, item.approvals].map(String),
    ]),
  )
  if (next_cursor !== null) output.note('there are more; --limit shows them')
}

/** The session with those of its events that fit. */
async function read(id: string, given: EventArguments, { env }: CommandContext): Promise<ApiAnswer<{ session: SessionView; events: readonly EventView[] }>> {
  const odd = kindProblem(given.decision)
  if (odd !== undefined) return odd
  const client = createApiClient(env)
  const path = `sessions/${encodeURIComponent(id)}`
  const session = await client.get<SessionView>(path)
  if (!session.ok) return session
  const events = await readPages<EventView>(client, `${path}/events`, {}, mostEvents)
  if (!events.ok) return events
  return { ...session, body: { session: session.body, events: events.body.items.filter((event) => fits(event, given)) } }
}

const whyOf = (event: EventView): string => {
  const { kind, reasons } = event.decision
  if (kind === 'allow') return ''
  return kind === 'mask' ? hiddenOf(event) || 'nothing found' : [...new Set(reasons.map(({ code }) => code))].join(', ')
}

async function show(id: string, given: EventArguments, context: CommandContext): Promise<void> {
  const { output } = context
  const answer = await read(id, given, context)
  if (!answer.ok) return refuse(context, answer.exit, answer.message)
  if (given.json === true) return output.json(answer.body)
  const { session, events } = answer.body
  for (const line of headOf(session)) output.line(line)
  output.line()
  if (events.length === 0) return output.note('no message fits')
  output.table(
    ['#', 'TIME (UTC)', '', 'WHAT', 'DECISION', 'OUTCOME', 'WHY'],
    events.map((event) => [
      String(event.seq), timeOf(event.at, session), event.direction === 'to_server' ? '→' : '←', aboutOf(event), event.decision.kind, event.outcome,
      whyOf(event),
    ]),
  )
}

async function replayOne(id: string, given: ReplayArguments, context: CommandContext): Promise<void> {
  const { output } = context
  const speed = given.speed === undefined ? undefined : Number(given.speed)
  if (speed !== undefined && !(speed > 0)) return refuse(context, exitCode.misuse, '--speed wants a number above 0')
  if (given.step === true && process.stdin.isTTY !== true) return refuse(context, exitCode.misuse, '--step needs a terminal to press Enter in')
  const answer = await read(id, given, context)
  if (!answer.ok) return refuse(context, answer.exit, answer.message)
  if (given.json === true) return output.json(answer.body)
  if (answer.body.events.length === 0) output.note('no message fits')
  await replay(answer.body.session, answer.body.events, { step: given.step === true, speed, full: given.full === true }, output)
}
