import type { Counted, Example, ReplayReport } from '../../bundle/compare/replay.ts'
import type { Output } from '../output.ts'
import { printable } from '../output.ts'
import type { ReplayTitle } from './replay.ts'

export const percent = (share: number): string => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
export const nameOf = (one: { readonly name: string; readonly digest: string }): string => (one.name === one.digest ? one.digest : `${one.name} (${one.digest})`)

const against = ({ candidate, base }: ReplayTitle): string => {
  if (candidate === null) return 'every decision by the bundle that judged it'
  return base === null ? `${nameOf(candidate)} against what was recorded` : `${nameOf(candidate)} against ${nameOf(base)}`
}
/** What could not be judged, and why. */
export const gaps = (title: ReplayTitle, report: ReplayReport): readonly string[] => [
  ...(report.not_kept > 0 ? [`${count(report.not_kept, 'decision')} not judged: what rules read was replaced in the record (${report.missing.slice(0, 5).map(({ name }) => name).join(', ')})`] : []),
  ...(report.no_bundle > 0 ? [`${count(report.no_bundle, 'decision')} not judged: their bundle is not there${title.missing_bundles.length > 0 ? ` (${title.missing_bundles.slice(0, 3).join(', ')})` : ''}`] : []),
]
const ruleTexts = (rules: readonly string[]): string => rules.join(', ')
export const about = ({ upstream, call, method, direction }: Example): string => `${upstream} ${call ?? method}${direction === 'to_client' ? ' (to the client)' : ''}`

const list = (title: string, counted: readonly Counted[], output: Output): void => {
  if (counted.length === 0) return
  output.line()
  output.table([title, 'DECISIONS'], counted.slice(0, 10).map(({ name, decisions }) => [name, String(decisions)]))
  if (counted.length > 10) output.line(`… and ${counted.length - 10} more`)
}

export const showReplay = (title: ReplayTitle, report: ReplayReport, output: Output): void => {
  output.line(printable(against(title)))
  output.line(`${title.from} to ${title.to}`)
  output.line(`${count(report.decisions, 'decision')} recorded, ${report.judged} judged again (${percent(report.share)})`)
  for (const gap of gaps(title, report)) output.line(printable(`  ${gap}`))
  if (report.changed === 0) return output.line('no decision changes')
  output.line(`${count(report.changed, 'decision')} of ${count(report.calls_changed, 'call')} would change`)
  output.line()
  output.table(['WAS', 'WOULD BE', 'DECISIONS', 'CALLS'], report.transitions.map(({ before, after, decisions, calls }) => [before, before === after ? `${after}, otherwise` : after, String(decisions), String(calls)]))
  list('WHO', report.people, output)
  list('WHAT', report.tools, output)
  if (report.rules.length > 0) {
    output.line()
    output.table(['RULE', 'MORE', 'LESS'], report.rules.slice(0, 20).map(({ rule, gained, lost }) => [rule, String(gained), String(lost)]))
  }
  for (const example of report.examples) {
    output.line()
    output.line(printable(`${example.at}  ${example.actor}  ${about(example)}`))
    output.line(printable(`  was ${example.before.kind}: ${ruleTexts(example.before.rules)}`))
    output.line(printable(`  would be ${example.after.kind}: ${ruleTexts(example.after.rules)}`))
    output.line(printable(`  differs in ${example.in.join(', ')}; sallyport sessions show ${example.session}, #${example.seq}`))
  }
}
