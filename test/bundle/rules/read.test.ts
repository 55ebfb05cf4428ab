import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import { checkDetectors, unknownNames } from '../../../src/bundle/rules/check.ts'
import { readRules } from '../../../src/bundle/rules/read-rules.ts'

const everyWord = readFileSync(new URL('every-word.rules.yaml', import.meta.url), 'utf8')
const schema = JSON.parse(readFileSync(new URL('../../../rego/schemas/rules.json', import.meta.url), 'utf8')) as object
const validate = addFormats.default(new Ajv({ strict: false })).compile(schema)

const found = (text: string) => readRules([['rules.yaml', text]]).problems.map(({ row, col, code, message, remedy }) => ({ at: `${row}:${col}`, code, message, remedy }))
/** One rule, its first line being the file's second. */
const deny = (...lines: readonly string[]): string => ['deny:', `  - id: d`, ...lines.map((line) => `    ${line}`)].join('\n')
const allow = (...lines: readonly string[]): string => ['allow:', `  - id: a`, ...lines.map((line) => `    ${line}`)].join('\n')
const mask = (...lines: readonly string[]): string => ['mask:', `  - id: m`, ...lines.map((line) => `    ${line}`)].join('\n')

test('every word of the language is read, and the editors\' schema takes it', () => {
  expect(readRules([['rules.yaml', everyWord]]).problems).toEqual([])
  expect([validate(parse(everyWord)), validate.errors]).toEqual([true, null])
})

test('a file that says nothing is a file of rules', () => {
  expect(readRules([['rules.yaml', '']])).toMatchObject({ problems: [], compiled: { kinds: [], allow: [], deny: [] } })
  expect(readRules([['rules.yaml', '# nothing yet\n']])).toMatchObject({ problems: [], compiled: { kinds: [] } })
})

// What the schema of the editors refuses too, and where.
test.each<readonly [string, string, string, string, RegExp]>([
  ['an unknown name', deny('tool: query'), '3:5', 'rules_key', /did you mean tools\?/],
  ['an unknown section', 'denny:\n  - id: a\n', '1:1', 'rules_key', /did you mean deny\?/],
  ['an unknown name further in', deny('tools: t', 'arguments: { limit: { abov: 1 } }'), '4:27', 'rules_key', /did you mean above\?/],
  ['an unknown caller', deny('who: { group: a }'), '3:12', 'rules_key', /did you mean groups\?/],
  ['a name that no other is like', deny('frobnicate: 1'), '3:5', 'rules_key', /use id, who, unless/],
  ['no id', 'deny:\n  - tools: a\n', '2:5', 'rules_value', /an id/],
  ['an odd id', 'deny:\n  - { id: "a b", tools: a }\n', '2:11', 'rules_value', /letters, digits/],
  ['a section that is no list', 'deny: { id: a }\n', '1:7', 'rules_value', /a list of rules/],
  ['a rule that is none', 'deny:\n  - a\n', '2:5', 'rules_value', /./],
  ['a name that is none', deny('tools: [query, 7]'), '3:20', 'rules_value', /the name of a tool/],
  ['an empty name', deny("tools: ''"), '3:12', 'rules_value', /the name of a tool/],
  ['an empty list', deny('tools: []'), '3:12', 'rules_value', /the name of a tool/],
  ['an allow for nobody in particular', allow('upstreams: crm', 'tools: a'), '2:5', 'rules_value', /everyone, or groups/],
  ['an allow of no server', allow('who: everyone', 'tools: a'), '2:5', 'rules_value', /the name of a server/],
  ['an allow that looks at arguments', allow('who: everyone', 'upstreams: crm', 'tools: a', 'arguments: { b: { is: 1 } }'), '6:5', 'rules_key', /use id, who/],
  ['an allow by what is not', allow('who: everyone', 'upstreams: crm', 'tools: a', 'annotations: { readOnlyHint: { is_not: false } }'), '6:36', 'rules_key', /is/],
  ['an approval of nobody', 'require_approval:\n  - { id: a, tools: b }\n', '2:5', 'rules_value', /a group/],
  ['a quorum of none', 'require_approval:\n  - { id: a, tools: b, reviewers: c, quorum: 0 }\n', '2:46', 'rules_value', /whole number/],
  ['points that are none', 'risk:\n  - { id: a, tools: b, points: many }\n', '2:32', 'rules_value', /number of 0 or more/],
  ['points below zero', 'risk:\n  - { id: a, tools: b, points: -1 }\n', '2:32', 'rules_value', /number of 0 or more/],
  ['a bound that is no number', deny('tools: t', 'arguments: { limit: { above: "10" } }'), '4:34', 'rules_value', /a number/],
  ['another direction', deny('direction: outwards', 'tools: a'), '3:16', 'rules_value', /to_server, to_client or both/],
  ['an exception for everyone', deny('unless: everyone', 'tools: a'), '3:13', 'rules_value', /./],
  ['a link that is none', deny('tools: a', 'link: nowhere'), '4:11', 'rules_value', /http/],
])('%s is refused where it stands', (_, text, at, code, remedy) => {
  expect(found(text)).toContainEqual({ at, code, message: expect.any(String), remedy: expect.stringMatching(remedy) })
  expect(validate(parse(text))).toBe(false)
})

// What fits the schema and means nothing.
test.each<readonly [string, string, string, string]>([
  ['what is no YAML', 'deny:\n  - {\n', '3:1', 'rules_syntax'],
  ['a name given twice', deny('tools: a', 'tools: b'), '4:5', 'rules_syntax'],
  ['an alias without an anchor', deny('tools: *a'), '3:12', 'rules_syntax'],
  ['a name that means nothing', deny('tools: t', 'arguments: { __proto__: { above: 1 } }'), '4:18', 'rules_key'],
  ['a rule about everything by omission', deny('message: no'), '2:5', 'rules_everything'],
  ['arguments of nothing', deny('arguments: { a: { above: 1 } }'), '3:16', 'rules_everything'],
  ['annotations of nothing', deny('annotations: { a: { is: 1 } }'), '3:18', 'rules_everything'],
  ['arguments of a resource', deny('tools: a', 'resources: b', 'arguments: { a: { above: 1 } }'), '4:16', 'rules_everything'],
  ['an allow of nothing', allow('who: everyone', 'upstreams: crm'), '2:5', 'rules_nothing'],
  ['a caller who is nobody', deny('who: {}'), '3:10', 'rules_nobody'],
  ['a service without its issuer', deny('who: { services: deploy }'), '3:22', 'rules_account'],
  ['an agent without its subject', deny('who: { agents: bots/ }'), '3:20', 'rules_account'],
  ['a person by a bare name', deny('who: { people: ann }'), '3:20', 'rules_account'],
  ['a pattern that RE2 does not know', deny('tools: t', 'arguments: { a: { matches: ["a", "(?=b)"] } }'), '4:38', 'rules_pattern'],
  ['a pattern in text', deny('text: { matches: "(" }'), '3:22', 'rules_pattern'],
  ['a pattern to be excluded', deny('tools: t', 'arguments: { a: { not_matches: "[" } }'), '4:36', 'rules_pattern'],
  ['no tests', deny('tools: t', 'arguments: {}'), '4:16', 'rules_empty'],
  ['no test', deny('tools: t', 'arguments: { a: {} }'), '4:21', 'rules_empty'],
  ['no words', deny('text: {}'), '3:11', 'rules_empty'],
  ['no counter', deny('last_30_minutes: {}'), '3:22', 'rules_empty'],
  ['an argument pointer that is none', deny('tools: t', 'arguments: { /a~b: { above: 1 } }'), '4:24', 'rules_pointer'],
  ['no time', deny('during: { zone: UTC }'), '3:13', 'rules_empty'],
  ['a day that is none', deny('during: { days: [mon, someday] }'), '3:27', 'rules_days'],
  ['hours over midnight', deny("during: { hours: '22:00-06:00' }"), '3:22', 'rules_hours'],
  ['hours that are none', deny("outside: { hours: '8-18' }"), '3:23', 'rules_hours'],
  ['an hour after the last', deny("outside: { hours: '08:00-24:01' }"), '3:23', 'rules_hours'],
  ['a zone that is none', deny("during: { hours: '08:00-18:00', zone: Mars/Olympus }"), '3:43', 'rules_zone'],
  ['the machine\'s own zone', deny("during: { hours: '08:00-18:00', zone: Local }"), '3:43', 'rules_zone'],
  ['a time longer than a day', 'require_approval:\n  - { id: a, tools: b, reviewers: c, ttl: 25h }\n', '2:43', 'rules_ttl'],
  ['a mask of nothing', mask('tools: a'), '2:5', 'rules_mask'],
  ['a mask of two things', mask('detectors: us_ssn', 'fields: ssn'), '2:5', 'rules_mask'],
  ['a field that is no pointer', mask('fields: [ssn, /a*b]'), '3:19', 'rules_pointer'],
  ['thresholds the wrong way round', 'thresholds: { approve: 90, deny: 80 }\n', '1:13', 'rules_thresholds'],
  ['a threshold above the usual other', 'thresholds: { approve: 110 }\n', '1:13', 'rules_thresholds'],
  ['an id that is taken', 'deny:\n  - { id: a, tools: b }\nmask:\n  - { id: a, detectors: email }\n', '4:11', 'rules_id'],
])('%s is refused where it stands', (_, text, at, code) => {
  expect(found(text).map((problem) => [problem.at, problem.code])).toEqual([[at, code]])
})

test('an id is taken in all files, and there is one set of thresholds', () => {
  const one = 'deny:\n  - { id: a, tools: b }\nthresholds: { approve: 1 }\n'
  const { problems } = readRules([['b.rules.yaml', one], ['rules.yaml', one]])
  expect(problems.map(({ file, row, code, message }) => [file, row, code, message])).toEqual([
    ['rules.yaml', 2, 'rules_id', 'deny[0].id: the id a is taken by b.rules.yaml:2'],
    ['rules.yaml', 3, 'rules_thresholds', 'thresholds: there are thresholds in b.rules.yaml too'],
  ])
})

test('a detector that the gateway has not got is refused', () => {
  const { documents } = readRules([['rules.yaml', `${mask('detectors: [us_ssn, iban]')}\n${deny('found: vin')}\n`]])
  expect(checkDetectors(documents, ['us_ssn']).map(({ row, col, code }) => [row, col, code])).toEqual([[6, 12, 'rules_detector'], [3, 25, 'rules_detector']])
  expect(checkDetectors(documents, ['us_ssn', 'iban', 'vin'])).toEqual([])
})

test('groups and servers that the configuration does not know are told', () => {
  const { documents } = readRules([['rules.yaml', allow('who: { groups: [support, ci:deploy, other:x, suport] }', 'unless: { groups: gone }', "upstreams: [crm, cmr, 'crm-*']", "tools: '*'")]])
  const known = { upstreams: ['crm'], issuers: ['ci'], groups: ['support'] }
  expect(unknownNames(documents, known).map(({ row, col, code }) => [row, col, code])).toEqual([
    [5, 22, 'rules_unknown_upstream'], [3, 41, 'rules_unknown_group'], [3, 50, 'rules_unknown_group'], [4, 23, 'rules_unknown_group'],
  ])
  expect(unknownNames(documents, { ...known, groups: undefined }).map(({ code }) => code)).toEqual(['rules_unknown_upstream'])
})
