import { explainRules } from '../../bundle/rules/explain.ts'
import { compiledOf } from '../../bundle/rules/apply-rules.ts'
import { suggest } from '../../nearest.ts'
import { bundle, dir, json, rules } from './shared.ts'
import type { AddCommand, Common } from './shared.ts'

export const addExplain: AddCommand = (policy, { output, refuse, withSources }) => {
  policy
    .command('explain')
    .argument('[id]', 'one rule by its id (default: all)')
    .description('print the Rego that says what rules.yaml says')
    .addOption(dir()).addOption(bundle()).addOption(rules()).addOption(json())
    .action((id: string | undefined, options: Common) =>
      withSources(options, async (sources, { opa }) => {
        const compiled = compiledOf(sources)
        if (compiled === undefined) return refuse([{ stage: 'rules', code: 'no_rules', message: 'there are no rules here', remedy: 'name a file with --rules, or put rules.yaml beside the policies' }], options)
        const { allow, server, deny, require_approval, risk, mask } = compiled
        const ids = [allow, server, deny, require_approval, risk, mask].flatMap((section) => section.map((rule) => rule.id))
        if (id !== undefined && !ids.includes(id)) {
          const near = suggest(id, ids)
          return refuse([{ stage: 'rules', code: 'no_rule', message: `there is no rule ${id}`, remedy: near !== undefined ? `did you mean ${near}?` : ids.length === 0 ? 'there are none; name a file that has some with --rules' : `there are: ${ids.join(', ')}` }], options)
        }
        const text = explainRules(compiled, id === undefined ? {} : { id })
        const formatted = await opa.fmt({ 'from_rules.rego': text })
        if (!formatted.ok) return refuse(formatted.problems, options)
        const rego = formatted.result['from_rules.rego'] ?? text
        if (options.json) output.json({ ok: true, rego, ...(id === undefined ? {} : { id }) })
        else output.line(rego.trimEnd())
      }),
    )
}
