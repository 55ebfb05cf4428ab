import type { Json, JsonObject } from '../../model.ts'
import { flags, callersOf, list, plainNames, upstreamsOf, uriNames, wordPattern } from './names.ts'
import type { CompiledRules, Condition, Giving, Kind, Masking, Permission, Reaching, ServerPermission, Tests, Uses, Verdict } from './compiled.ts'
import { timesOf } from './schedule.ts'
import { sections, type AllowRule, type ApprovalRule, type ConditionalRule, type MaskRule, type RiskRule, type RolesRule, type RulesFile, type Schedule, type Test as WrittenTest } from './schema.ts'

const given = <K extends string>(key: K, value: Json | undefined): Readonly<Record<string, Json>> => (value === undefined ? {} : { [key]: value })

const usesOf = ({ tools, prompts, resources }: Pick<AllowRule, 'tools' | 'prompts' | 'resources'>, allows = false): Uses => ({
  ...(tools === undefined ? {} : { tool: plainNames(list(tools)) }),
  ...(prompts === undefined ? {} : { prompt: plainNames(list(prompts)) }),
  ...(resources === undefined ? {} : { resource: uriNames(list(resources), allows) }),
})

/** The steps of an argument: its name, or those of a JSON Pointer (RFC 6901). */
const stepsOf = (name: string): readonly string[] =>
  name.startsWith('/') ? name.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')) : [name]

const testsOf = ({ is, is_not, contains, matches, not_matches, ...bounds }: WrittenTest): Tests => ({
  ...bounds,
  ...(is === undefined ? {} : { is: Array.isArray(is) ? is : [is] }),
  ...(is_not === undefined ? {} : { is_not: Array.isArray(is_not) ? is_not : [is_not] }),
  ...(contains === undefined ? {} : { contains: list(contains).map(wordPattern) }),
  ...(matches === undefined ? {} : { matches: list(matches) }),
  ...(not_matches === undefined ? {} : { not_matches: list(not_matches) }),
}) as Tests // no bound is undefined: the file was JSON

const timeOf = (inside: boolean, schedule: Schedule | undefined): readonly Condition[] =>
  schedule === undefined ? [] : [{ kind: 'time', inside, ...timesOf(schedule) }]

/** The cheap ones first: the first that does not hold ends the question. */
const conditionsOf = (rule: ConditionalRule): readonly Condition[] => [
  ...timeOf(true, rule.during),
  ...timeOf(false, rule.outside),
  ...Object.entries(rule.last_30_minutes ?? {}).map(([counter, above = 0]): Condition => ({ kind: 'recent', counter, above })),
  ...Object.entries(rule.annotations ?? {}).map(([name, tests]): Condition => ({ kind: 'annotation', name, tests: testsOf(tests) })),
  ...(rule.found === undefined ? [] : [{ kind: 'finding', detectors: flags(list(rule.found)) } satisfies Condition]),
  ...Object.entries(rule.arguments ?? {}).map(([name, tests]): Condition => ({ kind: 'argument', path: stepsOf(name), tests: testsOf(tests) })),
  ...(rule.text === undefined ? [] : [{ kind: 'text', patterns: [...list(rule.text.contains).map(wordPattern), ...list(rule.text.matches)] } satisfies Condition]),
]

const reachingOf = (rule: ConditionalRule | MaskRule, direction: 'to_server' | 'to_client' | 'both'): Reaching => ({
  id: rule.id,
  concerns_all: (rule.who === undefined || rule.who === 'everyone') && rule.unless === undefined,
  who: callersOf(rule.who, 'everyone'),
  unless: callersOf(rule.unless, 'nobody'),
  upstreams: upstreamsOf(rule.upstreams),
  anything: rule.tools === undefined && rule.prompts === undefined && rule.resources === undefined,
  uses: usesOf(rule),
  directions: flags(direction === 'both' ? ['to_client', 'to_server'] : [direction]),
})
const directionOf = (rule: ConditionalRule): 'to_server' | 'to_client' | 'both' => ('direction' in rule ? rule.direction : undefined) ?? 'to_server'
const verdictOf = (rule: ConditionalRule, more: JsonObject = {}): Verdict => ({
  ...reachingOf(rule, directionOf(rule)),
  conditions: conditionsOf(rule),
  entry: { code: rule.id, ...given('message', rule.message), ...more },
})

const permissionOf = (rule: AllowRule): Permission => ({
  id: rule.id,
  who: callersOf(rule.who, 'nobody'),
  unless: callersOf(rule.unless, 'nobody'),
  upstreams: upstreamsOf(rule.upstreams),
  uses: usesOf(rule, true),
  conditions: [
    ...timeOf(true, rule.during),
    ...timeOf(false, rule.outside),
    ...Object.entries(rule.annotations ?? {}).map(([name, { is }]): Condition => ({ kind: 'annotation', name, values: Array.isArray(is) ? is : [is] })),
  ],
})

const asked = { sampling: 'sampling/createMessage', elicitation: 'elicitation/create', roots: 'roots/list' } as const
const serverPermissionOf = (rule: AllowRule): ServerPermission => {
  const { id, who, unless, upstreams } = permissionOf(rule)
  return { id, who, unless, upstreams, methods: flags(list(rule.server_may).map((one) => asked[one])), conditions: [...timeOf(true, rule.during), ...timeOf(false, rule.outside)] }
}

const givingOf = (rule: RolesRule): Giving => ({
  id: rule.id,
  roles: flags(list(rule.role)),
  who: callersOf(rule.who, 'nobody'),
  unless: callersOf(rule.unless, 'nobody'),
  conditions: [...timeOf(true, rule.during), ...timeOf(false, rule.outside)],
})

const approvalOf = (rule: ApprovalRule): Verdict => verdictOf(rule, { reviewers: list(rule.reviewers), ...given('quorum', rule.quorum), ...given('ttl', rule.ttl) })
const riskOf = (rule: RiskRule): Verdict => verdictOf(rule, { points: rule.points })

/** A field that is only named is looked for wherever structured content, or text that is JSON, has it. */
const pointerOf = (field: string): string => (field.startsWith('/') ? field : `/structuredContent/**/${field.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('*', '~2')}`)

const maskingOf = (rule: MaskRule): Masking => {
  const common = { code: rule.id, ...given('message', rule.message), ...given('with', rule.with), ...given('must', rule.must) }
  return {
    ...reachingOf(rule, rule.direction ?? 'to_client'),
    entries: [...list(rule.detectors).map((detector) => ({ ...common, detector })), ...list(rule.fields).map((field) => ({ ...common, path: pointerOf(field) }))],
  }
}

const textsOf = (file: RulesFile): CompiledRules['texts'] =>
  Object.fromEntries(sections.flatMap((section) => (file[section] ?? []).flatMap((rule) => {
    const { remedy, link } = 'remedy' in rule || 'link' in rule ? rule : {}
    if (remedy === undefined && link === undefined) return []
    return [[`rules/${section}/${rule.id}`, { ...(remedy === undefined ? {} : { remedy }), ...(link === undefined ? {} : { link }) }]]
  })))

const kindsOf = (rules: Omit<CompiledRules, 'kinds' | 'texts'>): readonly Kind[] => {
  const permissions = [...rules.allow, ...rules.server]
  const verdicts = [...rules.deny, ...rules.require_approval, ...rules.risk]
  const callers = [...permissions, ...verdicts, ...rules.mask].flatMap(({ who, unless }) => [who, unless])
  const kinds = new Set<Kind>()
  if (callers.some(({ groups }) => Object.keys(groups).length > 0)) kinds.add('groups')
  if (callers.some(({ by_address, accounts }) => by_address || accounts.length > 0)) kinds.add('people')
  for (const { kind } of [...permissions, ...verdicts].flatMap(({ conditions }) => conditions)) {
    kinds.add(kind)
    if (kind === 'argument' || kind === 'annotation') kinds.add('values')
  }
  if (permissions.some(({ conditions }) => conditions.some(({ kind }) => kind === 'time'))) kinds.add('time_of_allow')
  if (verdicts.some(({ conditions }) => conditions.some(({ kind }) => kind === 'time'))) kinds.add('time_of_others')
  if (rules.roles.length > 0) kinds.add('roles')
  if (rules.roles.some(({ who, unless }) => Object.keys({ ...who.groups, ...unless.groups }).length > 0)) kinds.add('groups_of_roles')
  if (rules.roles.some(({ conditions }) => conditions.length > 0)) kinds.add('time').add('time_of_roles')
  return [...kinds].sort()
}

/** Of rules that were checked. */
export const compileRules = (file: RulesFile): CompiledRules => {
  const rules = {
    allow: (file.allow ?? []).filter((rule) => rule.tools ?? rule.prompts ?? rule.resources).map(permissionOf),
    server: (file.allow ?? []).filter(({ server_may }) => server_may).map(serverPermissionOf),
    deny: (file.deny ?? []).map((rule) => verdictOf(rule)),
    require_approval: (file.require_approval ?? []).map(approvalOf),
    risk: (file.risk ?? []).map(riskOf),
    mask: (file.mask ?? []).map(maskingOf),
    roles: (file.roles ?? []).map(givingOf),
  }
  return { kinds: kindsOf(rules), ...rules, texts: textsOf(file) }
}
