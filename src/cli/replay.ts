import { createInterface, type Interface } from 'node:readline/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { EventView, SessionView } from '../admin/contract/session.ts'
import { printableLine, type Output } from './output.ts'

type Colour = Parameters<typeof styleText>[0]
const colours: { readonly [kind in EventView['decision']['kind']]: Colour } = { allow: 'green', deny: 'red', mask: 'yellow', require_approval: 'magenta' }
const longestWait = 3_000
const shortBody = 14

export const nameOf = (actor: SessionView['actor']): string => (actor.kind === 'nobody' ? 'nobody' : [actor, ...(actor.acting_for ?? [])].map(({ email, subject }) => email ?? subject).join(' for '))
/** The day, too, where it is not that of the beginning. */
export const timeOf = (at: string, { started_at }: SessionView): string => (at.slice(0, 10) === started_at.slice(0, 10) ? at.slice(11, 23) : at.slice(0, 23).replace('T', ' '))
/** What a message is about, in a few words. */
export const aboutOf = (event: Pick<EventView, 'kind' | 'method' | 'call'>): string =>
  [event.kind === 'request' ? event.method : `${event.kind} of ${event.method}`, event.call].filter(Boolean).join(' ').replace(/^notification of /, '')

/** A gateway of an earlier version does not say what was hidden. */
type EarlierEventView = Omit<EventView, 'hidden' | 'hidden_from_record'> & Partial<EventView>

/** The codes of the masks that took something out, in a few words. */
export const hiddenOf = ({ decision, hidden }: EarlierEventView): string => [...new Set(decision.reasons.filter(({ rule }) => hidden?.includes(rule) ?? true).map(({ code }) => code))].join(', ')

export function headOf(session: SessionView): readonly string[] {
  const client = [session.client.name, session.client.version].filter(Boolean).join(' ')
  return [
    `${session.id}  ${nameOf(session.actor)} (${session.actor.kind}, ${session.actor.provider}; groups ${session.actor.groups.join(', ') || 'none'}) at ${session.upstream}`,
    `${session.started_at} to ${session.ended_at ?? 'now, still open'}  MCP ${session.revision}  client ${client || 'unknown'} (self-reported)`,
    `${session.events} events, ${session.denied} denied, ${session.masked} masked, ${session.approvals} held for approval`,
  ].map(printableLine)
}

function bodyOf(message: unknown, full: boolean): readonly string[] {
  const envelope = typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : {}
  const shown = envelope['params'] ?? envelope['result'] ?? envelope['error']
  if (shown === undefined) return []
  const lines = JSON.stringify(shown, null, 2).split('\n').map((line) => (full || line.length <= 160 ? line : `${line.slice(0, 157)}…`))
  const kept = full || lines.length <= shortBody + 1 ? lines : [...lines.slice(0, shortBody), `… ${lines.length - shortBody} more lines (--full shows them)`]
  return kept.map((line) => `      ${printableLine(line)}`)
}

function linesOf(event: EarlierEventView, session: SessionView, since: number, full: boolean): readonly string[] {
  const [from, to] = event.direction === 'to_server' ? [nameOf(session.actor), session.upstream] : [session.upstream, nameOf(session.actor)]
  const { kind, reasons, bundle } = event.decision
  const verdict = styleText(colours[kind], kind)
  // A mask has a reason for every detector and field that it covers, found or not.
  const words = kind === 'mask' ? [hiddenOf(event) === '' ? 'found nothing to hide' : `${event.hidden === undefined ? 'masks' : 'hid'} ${hiddenOf(event)}`] : reasons.map((reason) => `${reason.rule}: ${reason.message ?? reason.title ?? reason.code}`)
  const seen = (event.hidden_from_record ?? []).map(({ detector, count }) => `${detector} × ${count}`)
  const went = ['forwarded', 'answered'].includes(event.outcome) ? 'went on, and is hidden in this record only' : 'is hidden in this record'
  const why = [...(kind === 'allow' ? [] : words), ...(seen.length === 0 ? [] : [`${seen.join(', ')} ${went}`])].map((text) => `      ${printableLine(text)}`)
  return [
    `#${String(event.seq).padEnd(4)} ${timeOf(event.at, session)} +${(since / 1000).toFixed(2)}s  ${printableLine(`${from} → ${to}  ${aboutOf(event)}`)}`,
    `      ${verdict}, ${event.outcome}  ${styleText('dim', `${event.exchange} ${bundle}`)}`,
    ...why,
    ...bodyOf(event.message, full),
  ]
}

/** Ctrl-C and Ctrl-D have seen enough. */
const isAskedForMore = (keys: Interface): Promise<boolean> =>
  keys.question('      — Enter for the next —').then(() => true, (fault: Error) => {
    if (fault.name === 'AbortError') return false
    throw fault
  })

export interface ReplayOptions {
  readonly step: boolean
  /** Times as fast as it was; none: without waiting. */
  readonly speed: number | undefined
  readonly full: boolean
}

/** Steps through a session as it went: who, what, what was decided and why, and the content as it was kept. */
export async function replay(session: SessionView, events: readonly EventView[], { step, speed, full }: ReplayOptions, output: Output): Promise<void> {
  for (const line of headOf(session)) output.line(line)
  const keys = step ? createInterface({ input: process.stdin, output: process.stderr }) : undefined
  let before: number | undefined
  try {
    for (const event of events) {
      const at = Date.parse(event.at)
      const since = at - (before ?? at)
      if (before !== undefined && speed !== undefined && keys === undefined) await pause(Math.min(Math.max(since, 0) / speed, longestWait))
      before = at
      if (output.isClosed()) return
      output.line()
      for (const line of linesOf(event, session, since, full)) output.line(line)
      if (keys !== undefined && event !== events.at(-1) && !(await isAskedForMore(keys))) return output.note('')
    }
  } finally {
    keys?.close()
  }
}
