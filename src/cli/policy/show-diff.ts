import type { DataDifference, RuleDifference } from '../../bundle/compare/sources.ts'
import { printable, type Output } from '../output.ts'
import type { DiffReport } from './diff.ts'
import { count, nameOf, percent } from './show-replay.ts'

const sign = { added: '+', removed: '-', changed: '~' } as const
const longest = 80
const short = (value: unknown): string => {
  const text = JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}
export const sayRule = ({ rule, change, in: parts, file, row, title }: RuleDifference): string =>
  `${sign[change]} ${rule}${change === 'changed' ? ` (${parts.map((part) => (part === 'metadata' ? 'METADATA' : part)).join(', ')})` : ''}${title === undefined ? '' : `: ${title}`}  ${file}:${row}`
export const sayData = ({ path, change, before, after }: DataDifference): string => {
  const values = [...(before === undefined ? [] : [short(before)]), ...(after === undefined ? [] : [short(after)])]
  return `${sign[change]} data${path}: ${values.join(' → ')}`
}

export const showDiff = ({ before, after, rules, data, cases, traffic }: DiffReport, output: Output): void => {
  output.line(printable(`${nameOf(before)} → ${nameOf(after)}`))
  if (before.digest === after.digest) output.line('the same bundle: nothing that is decided can change')
  else if (rules.length + data.length === 0) output.line('no rule and no data of the policies differs')
  for (const rule of rules) output.line(printable(`  ${sayRule(rule)}`))
  for (const one of data) output.line(printable(`  ${sayData(one)}`))
  if (cases.asked > 0) output.line(`${count(cases.asked, 'decision case')} asked of both, ${cases.changed.length} decided otherwise`)
  for (const { name, file, row, before: was, after: is } of cases.changed) {
    output.line(printable(`  ${name}  ${file}:${row}`))
    output.line(printable(`    was ${was.kind}: ${was.rules.join(', ')}`))
    output.line(printable(`    is  ${is.kind}: ${is.rules.join(', ')}`))
  }
  if (traffic === null) return
  output.line(`${count(traffic.decisions, 'recorded decision')}, ${traffic.judged} asked of both (${percent(traffic.share)}), ${traffic.changed} decided otherwise`)
  for (const { before: was, after: is, decisions } of traffic.transitions) output.line(`  ${was} → ${is}${was === is ? ', otherwise' : ''}: ${decisions}`)
  for (const { rule, gained, lost } of traffic.rules.slice(0, 20)) output.line(printable(`  ${rule}: ${gained} more, ${lost} less`))
}
