import type { Json } from '../../model.ts'
import type { Account, Callers, CompiledRules, Condition, Masking, Names, Permission, Reaching, ServerPermission, Tests, Uses, Verdict } from './compiled.ts'

/** Lines that must all hold. */
type Lines = readonly string[]
/** Of which one must hold; a case without lines always does. */
type Cases = readonly Lines[]

const quoted = (value: Json): string => JSON.stringify(value)
/** Raw where it can be, since patterns are easier to read so. */
const pattern = (text: string): string => (/[`\n\r]/.test(text) ? JSON.stringify(text) : `\`${text}\``)
const setOf = (names: readonly Json[]): string => `{${names.map(quoted).join(', ')}}`
const isOneOf = (value: string, names: readonly Json[]): string => (names.length === 1 ? `${value} == ${quoted(names[0] as Json)}` : `${value} in ${setOf(names)}`) // there is one

const climbing = String.raw`(?i)(^|[/\\]|%2f|%5c)(\.|%2e){1,2}([/\\?#]|%2f|%5c|$)`
/** What rules lean on, by name. Only those that are used are printed. */
const helpers = {
  call_kind: `call_kind := kind if {\n\tkind := input.message.call.kind\n} else := kind if {\n\tkind := input.request.call.kind\n}`,
  call_name: `call_name := name if {\n\tname := input.message.call.name\n} else := name if {\n\tname := input.request.call.name\n}`,
  annotations: `annotations := found if {\n\tfound := input.message.call.annotations\n\tis_object(found)\n} else := found if {\n\tfound := input.request.call.annotations\n\tis_object(found)\n} else := {} if {\n\tcall_kind\n}`,
  climbs: `# A name that may mean another place than the one it is spelt like.\nclimbs(name) if regex.match(\`${climbing}\`, name)`,
  is_use: `is_use if input.message.method in {"tools/call", "resources/read", "prompts/get"}\n\nis_use if {\n\tstartswith(input.message.method, "tasks/")\n\tinput.message.call.kind\n}`,
  is_below: `is_below(value, _) if not is_number(value)\n\nis_below(value, bound) if {\n\tsallyport.within(value, bound)\n\tnot value == bound\n}`,
  may_be: `may_be(value, wanted) if value in wanted\n\nmay_be(value, _) if is_array(value)\n\nmay_be(value, _) if is_object(value)`,
  texts: `texts contains text if {\n\twalk(input.message.body, [_, text])\n\tis_string(text)\n}\n\ntexts contains name if {\n\twalk(input.message.body, [path, _])\n\tsome name in path\n\tis_string(name)\n}`,
  local: `# The day and the time of day, such as \`Fri 17:30\`.\nlocal(zone) := time.format([time.parse_rfc3339_ns(input.now), zone, "Mon 15:04"])`,
} as const
type Helper = keyof typeof helpers
const verdictNames = ['allow_server', 'allow_other', 'require_approval', 'roles'] as const
const leansOn: Readonly<Partial<Record<Helper, readonly Helper[]>>> = { annotations: ['call_kind'] }

/** The cases in which a name fits; what it is compared with is there and a text. */
const fits = (value: string, names: Names): Cases => {
  const { all, exact, prefixes, patterns } = names
  if (all) return [[]]
  return [
    ...(Object.keys(exact).length === 0 ? [] : [[isOneOf(value, Object.keys(exact))]]),
    ...prefixes.map((prefix) => [`startswith(${value}, ${quoted(prefix)})`]),
    ...patterns.map((text) => [`regex.match(${pattern(text)}, ${value})`]),
  ]
}
const and = (first: Cases, second: Cases): Cases => first.flatMap((one) => second.map((other) => [...one, ...other]))

const accountCases = ({ kind, provider, subject }: Account): Cases =>
  and([[`input.actor.kind == ${quoted(kind)}`]], and(fits('input.actor.provider', provider), fits('input.actor.subject', subject)))
const address = 'sallyport.at(input.actor, ["email"])'
const peopleCases = ({ people, by_address }: Callers): Cases => {
  if (!by_address) return []
  const patterns = people.all ? ['^'] : people.patterns
  return patterns.map((text) => ['input.actor.kind == "person"', `sallyport.only(${pattern(text)}, ${address})`])
}
const groupCases = ({ groups }: Callers): Cases => {
  const names = Object.keys(groups)
  if (names.length === 0) return []
  return [names.length === 1 ? [`sallyport.in_group(${quoted(names[0] ?? '')})`] : [`some group in ${setOf(names)}`, 'sallyport.in_group(group)']]
}
const certainly = (who: Callers): Cases =>
  who.everyone ? [['input.actor.kind != "nobody"']] : [...groupCases(who), ...peopleCases(who), ...who.accounts.flatMap(accountCases)]
const perhaps = (who: Callers): Cases => {
  if (who.everyone) return [[]]
  return [...certainly(who), ...(who.by_address ? [['input.actor.kind == "person"', `not is_string(${address})`]] : [])]
}

interface Writer {
  /** A rule of its own where there are several cases; what to write in its place. */
  oneOf(what: string, cases: Cases): Lines
  noneOf(what: string, cases: Cases): Lines
  use(helper: Helper): string
}

const named = (kind: string, writer: Writer, names: Names, mode: 'certainly' | 'perhaps'): Cases => {
  const inAllow = mode === 'certainly'
  const [kindIs, nameIs] = inAllow ? ['input.message.call.kind', 'input.message.call.name'] : [writer.use('call_kind'), writer.use('call_name')]
  const isWild = !names.all && names.prefixes.length + names.patterns.length > 0
  const climbs = isWild ? `${writer.use('climbs')}(${nameIs})` : ''
  const cases = fits(nameIs, names).map((lines) => (inAllow && isWild && !lines[0]?.includes(' in {') && !lines[0]?.includes(' == ') ? [...lines, `not ${climbs}`] : lines))
  return and([[`${kindIs} == ${quoted(kind)}`]], [...cases, ...(!inAllow && isWild ? [[climbs]] : [])])
}
const usesCases = (uses: Uses, writer: Writer, mode: 'certainly' | 'perhaps'): Cases =>
  Object.entries(uses).flatMap(([kind, names]) => named(kind, writer, names, mode))

const testLines = (writer: Writer, value: string, tests: Tests, what: string): Lines => {
  const { above, below, is, is_not, contains, matches, not_matches, longer_than, given } = tests
  const oneOf = (patterns: readonly string[] | undefined): Lines =>
    patterns === undefined ? [] : writer.oneOf(what, patterns.map((one) => [`sallyport.matches(${pattern(one)}, ${value})`]))
  return [
    ...(given === undefined ? [] : [`${value} ${given ? '!=' : '=='} null`]),
    ...(above === undefined ? [] : [`sallyport.exceeds(${value}, ${above})`]),
    ...(below === undefined ? [] : [`${writer.use('is_below')}(${value}, ${below})`]),
    ...(is === undefined ? [] : [`${writer.use('may_be')}(${value}, ${setOf(is)})`]),
    ...(is_not === undefined ? [] : [`not ${value} in ${setOf(is_not)}`]),
    ...oneOf(contains),
    ...oneOf(matches),
    ...(not_matches ?? []).map((one) => `not sallyport.only(${pattern(one)}, ${value})`),
    ...(longer_than === undefined ? [] : [`sallyport.exceeds(sallyport.size(${value}), ${longer_than})`]),
  ]
}

const argument = ([first = '', ...rest]: readonly string[]): string =>
  rest.length === 0 ? `sallyport.arg(${quoted(first)})` : `sallyport.at(sallyport.arg(${quoted(first)}), ${quoted(rest)})`

const timeCases = (condition: Condition & { readonly kind: 'time' }, writer: Writer): Lines => {
  const { zone, days, spans } = condition
  const time = `${writer.use('local')}(${quoted(zone)})`
  return [
    `now := ${time}`,
    ...(Object.keys(days).length === 7 ? [] : [`substring(now, 0, 3) in ${setOf(Object.keys(days))}`]),
    `some span in ${quoted(spans as unknown as Json)}`,
    'span[0] <= substring(now, 4, 5)',
    'substring(now, 4, 5) < span[1]',
  ]
}

const conditionLines = (condition: Condition, writer: Writer, mode: 'certainly' | 'perhaps'): Lines => {
  switch (condition.kind) {
    case 'argument': {
      const value = argument(condition.path)
      return testLines(writer, value, condition.tests, condition.path.join('_'))
    }
    case 'annotation': {
      if ('values' in condition) return [`input.message.call.annotations[${quoted(condition.name)}] in ${setOf(condition.values)}`]
      const value = `object.get(${writer.use('annotations')}, ${quoted(condition.name)}, null)`
      return testLines(writer, value, condition.tests, condition.name)
    }
    case 'text': {
      const patterns = condition.patterns.map(pattern)
      return patterns.length === 1
        ? [`some text in ${writer.use('texts')}`, `sallyport.matches(${patterns[0] ?? ''}, text)`]
        : [`some text in ${writer.use('texts')}`, `some pattern in [${patterns.join(', ')}]`, 'sallyport.matches(pattern, text)']
    }
    case 'finding': return ['some finding in input.findings', `finding.detector in ${setOf(Object.keys(condition.detectors))}`]
    case 'recent': return [`sallyport.exceeds(input.session.${condition.counter}, ${condition.above})`]
    case 'time': {
      const lines = timeCases(condition, writer)
      const told = `${writer.use('local')}(${quoted(condition.zone)})`
      if (mode === 'certainly') return condition.inside ? writer.oneOf('time', [lines]) : [told, ...writer.noneOf('time', [lines])]
      return condition.inside ? writer.oneOf('time', [lines, [`not ${told}`]]) : writer.noneOf('time', [lines])
    }
  }
}

const written = (id: string): string => id.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')

const createWriter = (used: Set<Helper>, below: string[], taken: Set<string>) => (id: string): Writer => {
  const nameFor = (what: string): string => {
    const wanted = `${written(id)}_${written(what)}`
    const free = Array.from({ length: taken.size + 1 }, (_, at) => (at === 0 ? wanted : `${wanted}_${at + 1}`)).find((name) => !taken.has(name)) ?? wanted
    taken.add(free)
    return free
  }
  const rule = (what: string, cases: Cases): string => {
    const name = nameFor(what)
    below.push(...cases.map((lines) => `${name} if {\n${lines.map((line) => `\t${line}`).join('\n')}\n}`))
    return name
  }
  return {
    oneOf(what, cases) {
      if (cases.some((lines) => lines.length === 0)) return []
      return cases.length === 1 && what !== 'time' ? (cases[0] ?? []) : [rule(what, cases)]
    },
    noneOf: (what, cases) => (cases.length === 0 ? [] : [`not ${rule(what, cases)}`]),
    use(helper) {
      used.add(helper)
      for (const more of leansOn[helper] ?? []) used.add(more)
      return helper
    },
  }
}

const about = (id: string, { remedy, link }: CompiledRules['texts'][string] = {}): string =>
  ['# METADATA', `# title: ${quoted(id)}`, ...(link === undefined ? [] : ['# related_resources:', `#   - ref: ${quoted(link)}`]), ...(remedy === undefined ? [] : ['# custom:', `#   remedy: ${quoted(remedy)}`])].join('\n')
const bodyOf = (lines: Lines): string => (lines.length === 0 ? 'true' : `{\n${lines.map((line) => `\t${line}`).join('\n')}\n}`)

const permissionLines = (rule: Permission | ServerPermission, writer: Writer): Lines => [
  ...writer.oneOf('upstreams', fits('input.upstream.name', rule.upstreams)),
  ...('methods' in rule ? [isOneOf('input.message.method', Object.keys(rule.methods))] : writer.oneOf('things', usesCases(rule.uses, writer, 'certainly'))),
  ...writer.oneOf('who', certainly(rule.who)),
  ...writer.noneOf('unless', perhaps(rule.unless)),
  ...rule.conditions.flatMap((condition) => conditionLines(condition, writer, 'certainly')),
]
const reachLines = (rule: Reaching, writer: Writer): Lines => [
  isOneOf('input.message.direction', Object.keys(rule.directions)),
  ...writer.oneOf('upstreams', fits('input.upstream.name', rule.upstreams)),
  ...(rule.anything ? [] : writer.oneOf('things', usesCases(rule.uses, writer, 'perhaps'))),
  ...writer.oneOf('who', perhaps(rule.who)),
  ...writer.noneOf('unless', certainly(rule.unless)),
]

/** A module that says what the rules say, written by hand as it were; of one rule where an id is given. */
export const explainRules = (rules: CompiledRules, { id, name = 'from_rules' }: { readonly id?: string; readonly name?: string } = {}): string => {
  const used = new Set<Helper>()
  const below: string[] = []
  const writerFor = createWriter(used, below, new Set([...Object.keys(helpers), ...verdictNames]))
  const isWanted = (rule: { readonly id: string }): boolean => id === undefined || rule.id === id
  const texts: string[] = []
  /** Each rule, and right below it what it refers to. */
  const put = (...all: readonly string[]): void => {
    texts.push(...all, ...below.splice(0))
  }
  const verdicts = (set: 'deny' | 'require_approval' | 'risk', rule: Verdict): void => {
    const writer = writerFor(rule.id)
    const lines = [...(set === 'require_approval' ? [writer.use('is_use')] : []), ...reachLines(rule, writer), ...rule.conditions.flatMap((condition) => conditionLines(condition, writer, 'perhaps'))]
    put(`${about(rule.id, rules.texts[`rules/${set}/${rule.id}`])}\n${set} contains ${quoted(rule.entry)} if ${bodyOf(lines)}`)
  }
  const masks = (rule: Masking): void => {
    const lines = reachLines(rule, writerFor(rule.id))
    put(...rule.entries.map((entry) => `${about(rule.id, rules.texts[`rules/mask/${rule.id}`])}\nmask contains ${quoted(entry)} if ${bodyOf(lines)}`))
  }
  for (const rule of rules.allow.filter(isWanted)) put(`${about(rule.id)}\nallow if ${bodyOf(permissionLines(rule, writerFor(rule.id)))}`)
  for (const rule of rules.server.filter(isWanted)) put(`${about(rule.id)}\nallow_server if ${bodyOf(permissionLines(rule, writerFor(rule.id)))}`)
  for (const set of ['deny', 'require_approval', 'risk'] as const) for (const rule of rules[set].filter(isWanted)) verdicts(set, rule)
  for (const rule of rules.mask.filter(isWanted)) masks(rule)
  for (const rule of rules.roles.filter(isWanted)) {
    const writer = writerFor(rule.id)
    const lines = [...writer.oneOf('who', certainly(rule.who)), ...writer.noneOf('unless', perhaps(rule.unless)), ...rule.conditions.flatMap((condition) => conditionLines(condition, writer, 'certainly'))]
    put(...Object.keys(rule.roles).map((role) => `${about(rule.id)}\nroles contains ${quoted(role)} if ${bodyOf(lines)}`))
  }
  const leant = (Object.keys(helpers) as Helper[]).filter((helper) => used.has(helper)).map((helper) => helpers[helper]) // its own keys
  const body = [...texts, ...leant].join('\n\n')
  return [`package policies.${name}`, ...(/\bsallyport\./.test(body) ? ['import data.sallyport'] : []), ...(body === '' ? [] : [body]), ''].join('\n\n').replace(/\n\n$/, '\n')
}
