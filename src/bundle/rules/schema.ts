import { z } from 'zod'

/** The words of `rules.yaml`. What else must hold (globs, patterns, zones, ids) is looked at in `check.ts`. */
const text = (what: string) => z.string({ error: what }).min(1, { error: what }).max(500, { error: `${what} of at most 500 characters` })
const listOf = <T extends z.ZodType>(one: T, what: string) => z.union([one, z.array(one).min(1, { error: what })], { error: what })
const names = (what: string) => listOf(text(what), `${what}, or a list of them`)
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], { error: 'a text, a number, true, false or null' })
const scalars = listOf(scalar, 'a text, a number, true, false, null or a list of them')
const count = z.number({ error: 'a number of 0 or more' }).min(0, { error: 'a number of 0 or more' })

const id = z.string({ error: 'an id' }).regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'an id of up to 64 letters, digits, _, - and .' })
  .meta({ description: 'Names the rule in reasons, records and approvals: `rules/<section>/<id>`. Unlike every other id of the file.' })

const someone = z.strictObject({
  groups: names('a group').optional().meta({ description: 'Members of any of these groups.' }),
  people: names('an e-mail address or provider/subject').optional().meta({ description: 'People by their verified e-mail address (`*@example.com`), or as `provider/subject`.' }),
  services: names('provider/subject').optional().meta({ description: 'Services and CI jobs as `provider/subject` (`github/repo:acme/*`).' }),
  agents: names('provider/subject').optional().meta({ description: 'Agents as `provider/subject`.' }),
}).meta({ description: 'Any of those who are named.' })
const caller = z.union([z.literal('everyone'), someone], { error: 'everyone, or groups, people, services or agents' })

const upstreams = names('the name of a server').meta({ description: 'Servers by their names in the configuration. `*` is any run of characters.' })
const things = {
  tools: names('the name of a tool').optional().meta({ description: 'Tools by name. `*` is any run of characters.' }),
  prompts: names('the name of a prompt').optional().meta({ description: 'Prompts by name. `*` is any run of characters.' }),
  resources: names('the URI of a resource').optional().meta({ description: 'Resources by URI. `*` is any run of characters but `/`, `**` is any run of characters; `*` alone is every resource.' }),
}
const schedule = z.strictObject({
  days: names('a day or days, such as mon-fri').optional().meta({ description: 'Days of the week: `mon`, `sat-sun`. Every day where it is left out.' }),
  hours: names('hours, such as 08:00-18:00').optional().meta({ description: 'Hours of the day: `08:00-18:00`. All day where it is left out.' }),
  zone: text('a time zone').optional().meta({ description: 'A zone of the IANA database, such as `Europe/Berlin`. UTC where it is left out.' }),
})
const times = {
  during: schedule.optional().meta({ description: 'The rule holds at these times only.' }),
  outside: schedule.optional().meta({ description: 'The rule holds at all times but these.' }),
}

const test = z.strictObject({
  above: z.number({ error: 'a number' }).optional().meta({ description: 'A number above this; also whatever is no number.' }),
  below: z.number({ error: 'a number' }).optional().meta({ description: 'A number below this; also whatever is no number.' }),
  is: scalars.optional().meta({ description: 'One of these values; also every list and object.' }),
  is_not: scalars.optional().meta({ description: 'Anything but these values; also nothing at all.' }),
  contains: names('a text').optional().meta({ description: 'A text with one of these words, in capitals or not; also whatever is no text.' }),
  matches: names('a pattern').optional().meta({ description: 'A text that fits one of these patterns (RE2); also whatever is no text.' }),
  not_matches: names('a pattern').optional().meta({ description: 'Anything but a text that fits one of these patterns (RE2).' }),
  longer_than: count.optional().meta({ description: 'More characters, elements or members than this; also what has none.' }),
  given: z.boolean({ error: 'true or false' }).optional().meta({ description: 'Whether there is a value at all.' }),
}).meta({ description: 'All tests of one value must hold.' })
const tests = z.record(z.string(), test)

const recent = z.strictObject({
  calls: count.optional().meta({ description: 'More calls than this.' }),
  denied: count.optional().meta({ description: 'More refused calls than this.' }),
  approvals: count.optional().meta({ description: 'More calls that waited for an approval than this.' }),
  bytes_out: count.optional().meta({ description: 'More bytes of answers than this.' }),
}).meta({ description: 'What the caller did on this server in the last 30 minutes.' })

const told = {
  message: z.string({ error: 'a text' }).min(1, { error: 'a text' }).max(1000, { error: 'a text of at most 1000 characters' }).optional().meta({ description: 'What callers and reviewers read.' }),
  remedy: z.string({ error: 'a text' }).min(1, { error: 'a text' }).max(1000, { error: 'a text of at most 1000 characters' }).optional().meta({ description: 'What they can do about it.' }),
  link: z.url({ protocol: /^https?$/, error: 'an http or https address' }).optional().meta({ description: 'Where to read more.' }),
}
const whom = {
  who: caller.optional().meta({ description: 'Whom the rule is about. Everyone where it is left out.' }),
  unless: someone.optional().meta({ description: 'Whom it is not about.' }),
  upstreams: upstreams.optional(),
  ...things,
}
const direction = z.enum(['to_server', 'to_client', 'both'], { error: 'to_server, to_client or both' })
const conditions = {
  annotations: tests.optional().meta({ description: 'What the server says about a tool, such as `destructiveHint: { is_not: false }`.' }),
  arguments: tests.optional().meta({ description: 'Arguments of the call by name, or by JSON Pointer (`/filter/limit`).' }),
  text: z.strictObject({
    contains: names('a text').optional().meta({ description: 'Words, in capitals or not.' }),
    matches: names('a pattern').optional().meta({ description: 'Patterns (RE2).' }),
  }).optional().meta({ description: 'Any text of the message, names of members included.' }),
  found: names('the name of a detector').optional().meta({ description: 'Detectors that found something in the message.' }),
  last_30_minutes: recent.optional(),
  ...times,
}

const allow = z.strictObject({
  id,
  who: caller.meta({ description: 'Who may. `everyone` is every caller who has signed in.' }),
  unless: someone.optional().meta({ description: 'Who may not, although `who` names them.' }),
  upstreams,
  ...things,
  server_may: listOf(z.enum(['sampling', 'elicitation', 'roots']), 'sampling, elicitation or roots').optional().meta({ description: 'What the server may ask of the client.' }),
  annotations: z.record(z.string(), z.strictObject({ is: scalars })).optional().meta({ description: 'What the server must say about a tool, such as `readOnlyHint: { is: true }`.' }),
  ...times,
})
const deny = z.strictObject({ id, ...whom, direction: direction.optional().meta({ description: 'Which messages. `to_server` where it is left out.' }), ...conditions, ...told })
const approval = z.strictObject({
  id, ...whom, ...conditions,
  reviewers: names('a group').meta({ description: 'Groups whose members may approve.' }),
  quorum: z.int({ error: 'a whole number of 1 or more' }).min(1, { error: 'a whole number of 1 or more' }).optional().meta({ description: 'How many of them must. 1 where it is left out.' }),
  ttl: z.string({ error: 'a time up to 24h, such as 15m' }).optional().meta({ description: 'How long the call waits: `30s`, `15m`, up to `24h`. 15m where it is left out.' }),
  ...told,
})
const risk = z.strictObject({
  id, ...whom, direction: direction.optional().meta({ description: 'Which messages. `to_server` where it is left out.' }), ...conditions,
  points: count.meta({ description: 'Points, added up over all rules; see `thresholds`.' }),
  ...told,
})
const mask = z.strictObject({
  id, ...whom,
  direction: direction.optional().meta({ description: 'Which messages. `to_client` where it is left out.' }),
  detectors: names('the name of a detector').optional().meta({ description: 'What these detectors find is replaced.' }),
  fields: names('the name of a field, or a JSON Pointer').optional().meta({ description: 'Fields by name, wherever they stand, or by JSON Pointer into the body (`*` every element, `**` any depth): the whole value is replaced.' }),
  with: scalar.optional().meta({ description: 'What stands there instead. `[MASKED]` where it is left out.' }),
  must: z.boolean({ error: 'true or false' }).optional().meta({ description: 'Refuse the message where there is nothing to replace.' }),
  ...told,
})
const role = z.enum(['viewer', 'reviewer', 'auditor', 'operator'], { error: 'viewer, reviewer, auditor or operator' })
const roles = z.strictObject({
  id,
  role: listOf(role, 'viewer, reviewer, auditor or operator').meta({ description: 'What they are in the admin API.' }),
  who: caller.meta({ description: 'Who is. `everyone` is every caller who has signed in.' }),
  unless: someone.optional().meta({ description: 'Who is not, although `who` names them.' }),
  ...times,
})
const thresholds = z.strictObject({
  approve: count.optional().meta({ description: 'From this risk on a call waits for `reviewers`. 70 where it is left out.' }),
  deny: count.optional().meta({ description: 'From this risk on a message is refused. 100 where it is left out.' }),
  reviewers: names('a group').optional().meta({ description: 'Groups whose members may approve. Where nobody is named, the call is refused.' }),
})

const section = <T extends z.ZodType>(rule: T) => z.array(rule, { error: 'a list of rules' }).optional()
export const rulesFile = z.strictObject({
  allow: section(allow).meta({ description: 'Who may use what. What no rule allows does not exist for the caller.' }),
  deny: section(deny).meta({ description: 'What is refused although it is allowed.' }),
  require_approval: section(approval).meta({ description: 'Which calls wait for people.' }),
  risk: section(risk).meta({ description: 'What adds points.' }),
  mask: section(mask).meta({ description: 'What is replaced before a message goes on.' }),
  roles: section(roles).meta({ description: 'Who may use the admin API, and as what. Who is in no role may do nothing there.' }),
  thresholds: thresholds.optional().meta({ description: 'What happens at how many points.' }),
}, { error: 'allow, deny, require_approval, risk, mask, roles and thresholds' })

export const sections = ['allow', 'deny', 'require_approval', 'risk', 'mask', 'roles'] as const
export type Section = (typeof sections)[number]
export type RulesFile = z.output<typeof rulesFile>
export type Caller = z.output<typeof caller>
export type Schedule = z.output<typeof schedule>
export type Test = z.output<typeof test>
export type AllowRule = z.output<typeof allow>
export type DenyRule = z.output<typeof deny>
export type ApprovalRule = z.output<typeof approval>
export type RiskRule = z.output<typeof risk>
export type MaskRule = z.output<typeof mask>
export type RolesRule = z.output<typeof roles>
export type ConditionalRule = DenyRule | ApprovalRule | RiskRule
export type AnyRule = AllowRule | ConditionalRule | MaskRule | RolesRule
