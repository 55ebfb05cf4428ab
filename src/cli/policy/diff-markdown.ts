import type { DiffReport } from './diff.ts'
import { code } from './replay-markdown.ts'
import { sayData, sayRule } from './show-diff.ts'
import { count, percent } from './show-replay.ts'

/** What can be put under a pull request as it stands. */
export const diffMarkdown = ({ before, after, rules, data, cases, traffic }: DiffReport): string => {
  const changed = cases.changed.length + (traffic?.changed ?? 0)
  return [
    `### Policy diff: ${count(rules.length, 'rule')} and ${count(data.length, 'value')} of data differ, ${changed === 0 ? 'no decision changes' : `${count(changed, 'decision')} would change`}`, '',
    `${code(before.name)} → ${code(after.name)}`, '',
    ...rules.map((rule) => `- ${code(sayRule(rule))}`),
    ...data.map((one) => `- ${code(sayData(one))}`),
    ...(rules.length + data.length > 0 ? [''] : []),
    ...(cases.asked === 0 ? [] : [`${count(cases.asked, 'decision case')} asked of both, ${cases.changed.length} decided otherwise.`, '']),
    ...(cases.changed.length === 0 ? [] : ['| case | was | is |', '| --- | --- | --- |', ...cases.changed.map(({ name, before: was, after: is }) => `| ${code(name)} | ${was.kind}: ${code(was.rules.join(', '))} | ${is.kind}: ${code(is.rules.join(', '))} |`), '']),
    ...(traffic === null ? [] : [
      `${count(traffic.decisions, 'recorded decision')}, ${traffic.judged} asked of both (${percent(traffic.share)}), ${traffic.changed} decided otherwise.`, '',
      ...(traffic.transitions.length === 0 ? [] : ['| was | would be | decisions | calls |', '| --- | --- | --- | --- |', ...traffic.transitions.map(({ before: was, after: is, decisions, calls }) => `| ${was} | ${is}${was === is ? ', otherwise' : ''} | ${decisions} | ${calls} |`), '']),
    ]),
  ].join('\n').trimEnd()
}
