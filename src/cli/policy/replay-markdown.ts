import type { Counted, Example, ReplayReport } from '../../bundle/compare/replay.ts'
import { printable } from '../output.ts'
import type { ReplayTitle } from './replay.ts'
import { about, count, gaps, percent } from './show-replay.ts'

/**
 * What callers chose the names of stands in code: there it can neither link, mention nor hide anything. Where `\|` ends a cell readers of Markdown
 * do not agree, so there is no `|` in it at all; and code without a sign is none.
 */
export const code = (text: string): string => `\`${printable(text).replace(/[\r\n\t\u2028\u2029]+/g, ' ').replaceAll('`', "'").replaceAll('|', '¦') || ' '}\``

const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => [`| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows.map((row) => `| ${row.join(' | ')} |`), '']
const most = 15
const counted = (title: string, items: readonly Counted[]): readonly string[] =>
  items.length === 0 ? [] : [...table([title, 'decisions'], items.slice(0, most).map(({ name, decisions }) => [code(name), String(decisions)])), ...(items.length > most ? [`… and ${items.length - most} more`, ''] : [])]

const example = (one: Example): readonly string[] => [one.at.slice(0, 16).replace('T', ' '), code(one.actor), code(about(one)), `${one.before.kind}: ${code(one.before.rules.join(', '))}`, `${one.after.kind}: ${code(one.after.rules.join(', '))}`]

/** What can be put under a pull request as it stands. */
export const replayMarkdown = (title: ReplayTitle, report: ReplayReport): string => {
  const { candidate, base } = title
  const head = report.changed === 0 ? 'no decision changes' : `${count(report.changed, 'decision')} of ${count(report.calls_changed, 'call')} would change`
  const compared = candidate === null ? 'Every decision was judged again by its own bundle.' : `Candidate ${code(candidate.name)}, compared with ${base === null ? 'what was recorded' : code(base.name)}.`
  return [
    `### Policy replay: ${head}`, '',
    `${compared} Recorded from ${title.from} to ${title.to}: ${count(report.decisions, 'decision')}, ${report.judged} judged again (${percent(report.share)}).`, '',
    ...gaps(title, report).map((gap) => `- ${code(gap)}`), ...(report.not_kept + report.no_bundle > 0 ? [''] : []),
    ...(report.changed === 0 ? [] : [
      ...table(['was', 'would be', 'decisions', 'calls'], report.transitions.map(({ before, after, decisions, calls }) => [before, before === after ? `${after}, otherwise` : after, String(decisions), String(calls)])),
      ...counted('who', report.people),
      ...counted('what', report.tools),
      ...(report.rules.length === 0 ? [] : table(['rule', 'more', 'less'], report.rules.slice(0, most).map(({ rule, gained, lost }) => [code(rule), String(gained), String(lost)]))),
      '<details><summary>Examples</summary>', '',
      ...table(['when', 'who', 'what', 'was', 'would be'], report.examples.map(example)),
      '</details>',
    ]),
  ].join('\n').trimEnd()
}
