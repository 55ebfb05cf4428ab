import { RE2JS } from 're2js'
import { messageOf } from '../../errors.ts'
import { ttlSeconds } from '../../policy/ttl.ts'
import type { Problem } from '../problem.ts'
import type { RulesDocument, Steps } from './document.ts'
import { list } from './names.ts'
import { daysOf, hoursOf, isZone } from './schedule.ts'
import { sections, type AllowRule, type AnyRule, type Caller, type ConditionalRule, type MaskRule, type RolesRule, type Schedule, type Section, type Test } from './schema.ts'

/** The host that judges takes no longer pattern. */
const longestPattern = 1000
const pointer = /^(?:\/(?:\*\*?|(?:[^~/*]|~[012])*))+$/
const deepest = 64
const argumentPointer = /^(?:\/(?:[^~/]|~[01])*)+$/

interface Check {
  readonly document: RulesDocument
  refuse(steps: Steps, code: string, message: string, remedy?: string): void
}

/** Each value with its place: a list's elements have places of their own. */
const each = <T>(value: T | readonly T[] | undefined, steps: Steps): readonly (readonly [T, Steps])[] =>
  Array.isArray(value) ? (value as readonly T[]).map((one, at) => [one, [...steps, at]] as const) : value === undefined ? [] : [[value as T, steps]]

const checkCaller = ({ refuse }: Check, caller: Caller | undefined, steps: Steps): void => {
  if (caller === undefined || caller === 'everyone') return
  if (Object.values(caller).every((value) => value === undefined)) refuse(steps, 'rules_nobody', 'nobody is named', 'name groups, people, services or agents')
  for (const [one, at] of each(caller.people, [...steps, 'people'])) {
    if (!/^[^/]+\/.|^[^/]*[@*]/s.test(one)) refuse(at, 'rules_account', `${one} is no e-mail address`, 'write an address (`*@example.com`), or `provider/subject` with the issuer\'s name in the configuration')
  }
  for (const kind of ['services', 'agents'] as const) {
    for (const [one, at] of each(caller[kind], [...steps, kind])) {
      if (!/^[^/]+\/./s.test(one)) refuse(at, 'rules_account', `${one} does not say where it signs in`, 'write `provider/subject`, with the issuer\'s name in the configuration')
    }
  }
}

const checkPatterns = ({ refuse }: Check, patterns: string | readonly string[] | undefined, steps: Steps): void => {
  for (const [pattern, at] of each<string>(patterns, steps)) {
    if (pattern.length > longestPattern) refuse(at, 'rules_pattern', `the pattern is longer than ${longestPattern} characters`)
    try {
      RE2JS.compile(pattern)
    } catch (fault) {
      refuse(at, 'rules_pattern', `the pattern cannot be read: ${messageOf(fault)}`, 'patterns are RE2: no look-around, no back-references (github.com/google/re2/wiki/Syntax)')
    }
  }
}

const checkTests = (check: Check, tests: Readonly<Record<string, Test>> | undefined, steps: Steps): void => {
  if (tests === undefined) return
  if (Object.keys(tests).length === 0) check.refuse(steps, 'rules_empty', 'nothing is asked')
  for (const [name, test] of Object.entries(tests)) {
    const at = [...steps, name]
    if (Object.keys(test).length === 0) check.refuse(at, 'rules_empty', 'nothing is asked', 'write a test, such as `{ above: 1000 }`')
    if (name.startsWith('/') && !argumentPointer.test(name)) check.refuse(at, 'rules_pointer', 'this is no JSON Pointer', '`~0` is a tilde, `~1` a slash; `*` is not for arguments')
    checkPatterns(check, test.matches, [...at, 'matches'])
    checkPatterns(check, test.not_matches, [...at, 'not_matches'])
  }
}

const checkSchedule = ({ refuse }: Check, schedule: Schedule | undefined, steps: Steps): void => {
  if (schedule === undefined) return
  if (schedule.days === undefined && schedule.hours === undefined) refuse(steps, 'rules_empty', 'no time is named', 'name days or hours')
  for (const [text, at] of each(schedule.days, [...steps, 'days'])) {
    if (daysOf(text) === undefined) refuse(at, 'rules_days', `${text} is no day of the week`, 'write mon, tue, wed, thu, fri, sat, sun, or from-to such as mon-fri')
  }
  for (const [text, at] of each(schedule.hours, [...steps, 'hours'])) {
    if (hoursOf(text) === undefined) refuse(at, 'rules_hours', `${text} are no hours of one day`, "write from-to such as 08:00-18:00; a night is ['22:00-24:00', '00:00-06:00']")
  }
  if (schedule.zone !== undefined && !isZone(schedule.zone)) refuse([...steps, 'zone'], 'rules_zone', `${schedule.zone} is no time zone`, 'use a name of the IANA database, such as Europe/Berlin')
}

const checkConditions = (check: Check, rule: ConditionalRule, steps: Steps): void => {
  checkTests(check, rule.annotations, [...steps, 'annotations'])
  checkTests(check, rule.arguments, [...steps, 'arguments'])
  // What is missing counts as found: of a message without arguments that is everything.
  if (rule.arguments !== undefined && (rule.tools ?? rule.prompts) === undefined) check.refuse([...steps, 'arguments'], 'rules_everything', 'the rule does not say of which tools or prompts', "name them; all of them are `tools: '*'`")
  if (rule.arguments !== undefined && rule.resources !== undefined) check.refuse([...steps, 'resources'], 'rules_everything', 'a resource has no arguments, so all of these would be meant', 'write a rule of its own for resources')
  if (rule.annotations !== undefined && (rule.tools ?? rule.prompts ?? rule.resources) === undefined) check.refuse([...steps, 'annotations'], 'rules_everything', 'the rule does not say of which tools', "name them; all of them are `tools: '*'`")
  if (rule.text !== undefined && Object.keys(rule.text).length === 0) check.refuse([...steps, 'text'], 'rules_empty', 'nothing is asked', 'write contains or matches')
  checkPatterns(check, rule.text?.matches, [...steps, 'text', 'matches'])
  if (rule.last_30_minutes !== undefined && Object.keys(rule.last_30_minutes).length === 0) check.refuse([...steps, 'last_30_minutes'], 'rules_empty', 'nothing is asked', 'write calls, denied, approvals or bytes_out')
  if ('ttl' in rule && rule.ttl !== undefined && ttlSeconds(rule.ttl) === undefined) check.refuse([...steps, 'ttl'], 'rules_ttl', `${rule.ttl} is no time up to 24h`, 'write 30s, 15m or 2h')
}

const aboutEverything = new Set(['id', 'message', 'remedy', 'link', 'points', 'reviewers', 'quorum', 'ttl', 'direction', 'detectors', 'fields', 'with', 'must'])
const checkReach = ({ refuse }: Check, rule: ConditionalRule, steps: Steps): void => {
  if (Object.keys(rule).every((key) => aboutEverything.has(key))) refuse(steps, 'rules_everything', 'the rule does not say what it is about', "if it is about everything, write `upstreams: '*'`")
}

const checkAllow = (check: Check, rule: AllowRule, steps: Steps): void => {
  if ((rule.tools ?? rule.prompts ?? rule.resources ?? rule.server_may) === undefined) check.refuse(steps, 'rules_nothing', 'the rule allows nothing', "name tools, prompts, resources or server_may; all of them are `tools: '*'`")
  if (rule.annotations !== undefined && rule.server_may !== undefined) check.refuse([...steps, 'server_may'], 'rules_nothing', 'annotations are those of tools, and a server asks without one', 'write two rules')
}

const checkMask = ({ refuse }: Check, rule: MaskRule, steps: Steps): void => {
  if ((rule.detectors === undefined) === (rule.fields === undefined)) refuse(steps, 'rules_mask', 'a mask needs either detectors or fields', 'write two rules where both are meant')
  for (const [field, at] of each(rule.fields, [...steps, 'fields'])) {
    if (field.startsWith('/') && (!pointer.test(field) || field.split('/').length > deepest)) refuse(at, 'rules_pointer', `${field} is no JSON Pointer into the body`, 'begin with `/`; `*` is every element, `**` any depth, `~0` a tilde, `~1` a slash, `~2` a literal `*`')
  }
}

const checkTimes = (check: Check, { during, outside }: AllowRule | ConditionalRule | RolesRule, steps: Steps): void => {
  checkSchedule(check, during, [...steps, 'during'])
  checkSchedule(check, outside, [...steps, 'outside'])
}

const checkRule = (check: Check, section: Section, rule: AnyRule, steps: Steps): void => {
  checkCaller(check, rule.who, [...steps, 'who'])
  checkCaller(check, rule.unless, [...steps, 'unless'])
  if (section === 'allow') checkAllow(check, rule as AllowRule, steps)
  else if (section === 'mask') checkMask(check, rule as MaskRule, steps)
  else if (section === 'roles') return checkTimes(check, rule as RolesRule, steps)
  else {
    checkReach(check, rule as ConditionalRule, steps)
    checkConditions(check, rule as ConditionalRule, steps)
  }
  if (section !== 'mask') checkTimes(check, rule as AllowRule | ConditionalRule, steps)
}

/** What fits the schema and still means nothing. */
export const checkRules = (documents: readonly RulesDocument[]): readonly Problem[] => {
  const problems: Problem[] = []
  const ids = new Map<string, string>()
  let thresholds: string | undefined
  for (const document of documents) {
    const check: Check = { document, refuse: (steps, code, message, remedy) => problems.push(document.problem(steps, code, message, remedy)) }
    for (const section of sections) {
      for (const [index, rule] of (document.rules?.[section] ?? []).entries()) {
        const steps = [section, index]
        checkRule(check, section, rule, steps)
        const before = ids.get(rule.id)
        const here = document.problem([...steps, 'id'], '', '')
        if (before !== undefined) check.refuse([...steps, 'id'], 'rules_id', `the id ${rule.id} is taken by ${before}`, 'give each rule an id of its own')
        else ids.set(rule.id, `${here.file}:${here.row}`)
      }
    }
    const own = document.rules?.thresholds
    if (own === undefined) continue
    if (thresholds !== undefined) check.refuse(['thresholds'], 'rules_thresholds', `there are thresholds in ${thresholds} too`, 'keep one of them')
    thresholds = document.file
    if ((own.approve ?? 70) > (own.deny ?? 100)) check.refuse(['thresholds'], 'rules_thresholds', `approve (${own.approve ?? 70}) is above deny (${own.deny ?? 100})`, 'approve is 70 and deny is 100 where they are left out')
  }
  return problems
}

/** Detectors that this gateway does not have. */
export const checkDetectors = (documents: readonly RulesDocument[], detectors: readonly string[]): readonly Problem[] =>
  documents.flatMap((document) => sections.flatMap((section) => (document.rules?.[section] ?? []).flatMap((rule, index) => {
    const key = section === 'mask' ? 'detectors' : 'found'
    const named = each<string>((rule as { readonly found?: string; readonly detectors?: string })[key], [section, index, key])
    return named.filter(([name]) => !detectors.includes(name)).map(([name, steps]) => document.problem(steps, 'rules_detector', `${name} is no detector of this gateway`, `there are: ${detectors.join(', ')}`))
  })))

/** What the configuration knows of the names that rules use. */
export interface KnownNames {
  readonly upstreams: readonly string[]
  readonly issuers: readonly string[]
  /** Groups that come without their issuer's name; undefined where any might. */
  readonly groups: readonly string[] | undefined
}
const isKnownGroup = (group: string, { issuers, groups }: KnownNames): boolean =>
  groups === undefined || groups.includes(group) || issuers.some((issuer) => group.startsWith(`${issuer}:`))

/** Names that nobody here bears: the rule may be meant for another gateway, or be misspelt. */
export const unknownNames = (documents: readonly RulesDocument[], known: KnownNames): readonly Problem[] =>
  documents.flatMap((document) => sections.flatMap((section) => (document.rules?.[section] ?? []).flatMap((rule: AnyRule, index) => {
    const steps = [section, index]
    const callers = (['who', 'unless'] as const).flatMap((key) => {
      const caller = rule[key]
      return caller === undefined || caller === 'everyone' ? [] : each(caller.groups, [...steps, key, 'groups'])
    })
    const groups = callers.filter(([group]) => !isKnownGroup(group, known))
    const upstreams = each<string>('upstreams' in rule ? rule.upstreams : undefined, [...steps, 'upstreams']).filter(([name]) => !name.includes('*') && !known.upstreams.includes(name))
    return [
      ...upstreams.map(([name, at]) => document.problem(at, 'rules_unknown_upstream', `the configuration has no server ${name}`, `there are: ${list(known.upstreams).join(', ')}`)),
      ...groups.map(([group, at]) => document.problem(at, 'rules_unknown_group', `no issuer of the configuration gives the group ${group}`, 'groups come as `<issuer>:<group>`, or by themselves where `trusted_groups` names them')),
    ]
  })))
