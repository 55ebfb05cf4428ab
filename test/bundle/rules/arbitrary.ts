import { fc } from '../../support/property.ts'
import type { Json } from '../../../src/model.ts'

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const some = <T>(...values: readonly T[]): fc.Arbitrary<T | T[]> => fc.oneof(oneOf(...values), fc.uniqueArray(oneOf(...values), { minLength: 1, maxLength: 3 }))
type Model = Readonly<Record<string, fc.Arbitrary<unknown>>>
/** Some of the members, at least `least` and mostly few, and those that must be there. */
const record = (model: Model, must: Model = {}, { least = 0, most = 2 } = {}): fc.Arbitrary<Record<string, unknown>> =>
  fc.subarray(Object.keys(model), { minLength: least, maxLength: Math.min(most, Object.keys(model).length) }).chain((keys) => fc.record({ ...must, ...Object.fromEntries(keys.map((key) => [key, model[key] ?? fc.constant(null)])) }))

const groups = ['support', 'oncall', 'admins'] as const
const someone = record({
  groups: some(...groups),
  people: some('ann@example.com', '*@example.com', 'okta/ann', 'okta/*', '*', 'other/ann'),
  services: some('ci/repo:*', 'ci/repo:acme/app', '*/job'),
  agents: some('bots/a*', 'bots/helper'),
}, {}, { least: 1 })
const upstreams = some('crm', 'files', 'crm-*', '*', '*-eu')
const tools = some('query', 'list_*', '*_customer', '*', 'get_*_by_id')
const resources = some('crm://customers/1', 'crm://customers/*', 'crm://**', 'crm://*/keys', '*', 'file:///a/**/z')
const things = { tools, prompts: some('summary', 'sum*'), resources }
const schedule = record({
  days: some('mon-fri', 'sat', 'sun-mon', 'wed'), hours: some('08:00-18:00', '00:00-06:30', '22:00-24:00'), zone: oneOf('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'),
}, {}, { least: 2, most: 3 }).map(({ zone, ...rest }) => ({ ...rest, ...(zone === undefined ? {} : { zone }) }))
const times = { during: schedule, outside: schedule }

const value = oneOf<Json>('read', 'write', 7, 0, true, null)
const pattern = some('(?i)\\bdrop\\b', '^[a-z]+$', '`|;', 'x{2,3}')
const test = record({
  above: fc.integer({ min: -2, max: 12 }), below: fc.integer({ min: -2, max: 12 }), is: some<Json>('read', 7, true), is_not: some<Json>('read', null, 7), contains: some('DROP', 'a.b', 'r'),
  matches: pattern, not_matches: pattern, longer_than: fc.integer({ min: 0, max: 5 }), given: fc.boolean(),
}, {}, { least: 1 })
const names = ['limit', 'sql', '/filter/by', '/filter/a~1b'] as const
const conditions = {
  annotations: fc.dictionary(oneOf('readOnlyHint', 'odd name'), test, { minKeys: 1, maxKeys: 2 }),
  arguments: fc.dictionary(oneOf(...names), test, { minKeys: 1, maxKeys: 2 }),
  text: record({ contains: some('drop table', 'Secret'), matches: some('^AKIA', 'a+b') }, {}, { least: 1 }),
  found: some('us_ssn', 'api_key'),
  last_30_minutes: record({ calls: fc.integer({ min: 0, max: 4 }), denied: fc.integer({ min: 0, max: 4 }) }, {}, { least: 1 }),
  ...times,
}
const told = { message: oneOf('no', 'it "is" so'), remedy: oneOf('do: it', 'ask'), link: oneOf('https://example.com/a?b=c#d') }
const whom = { who: fc.oneof(oneOf('everyone' as const), someone), unless: someone, upstreams, ...things }
const direction = oneOf('to_server', 'to_client', 'both')

const ids = <T extends object>(prefix: string, rules: readonly T[]): readonly (T & { id: string })[] => rules.map((rule, at) => ({ ...rule, id: `${prefix}${at % 2 === 0 ? '-' : '_'}${at}` }))

const about = { ...whom, ...conditions }
const few = { least: 1, most: 3 }
const saying = fc.oneof(fc.constant({}), record(told, {}, { most: 3 }))
const with_ = <T extends object>(rule: fc.Arbitrary<T>, ...more: readonly fc.Arbitrary<object>[]): fc.Arbitrary<T> => fc.tuple(rule, ...more).map(([one, ...others]) => Object.assign({}, one, ...others) as T)
const directed = fc.oneof(fc.constant({}), fc.record({ direction }))

const caller = { who: whom.who, upstreams }
const allow = with_(record(things, caller, { least: 1 }), record({ unless: someone, annotations: fc.dictionary(oneOf('readOnlyHint', 'odd name'), fc.record({ is: some<Json>('x', true) }), { minKeys: 1, maxKeys: 1 }), ...times }))
const asking = record({ unless: someone, ...times }, { ...caller, server_may: some('sampling', 'elicitation', 'roots') })
/** Arguments are those of tools and prompts, annotations those of anything that is named. */
const meant = (rule: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> =>
  fc.tuple(rule, tools).map(([{ resources, ...rest }, tool]) => {
    const named = { ...rest, ...(resources === undefined || 'arguments' in rest ? {} : { resources }) }
    return 'prompts' in named || 'resources' in named || !('arguments' in named || 'annotations' in named) ? named : { ...named, tools: tool }
  })
const deny = with_(meant(record(about, {}, few)), directed, saying)
const approval = with_(meant(record(about, { reviewers: some('oncall', 'leads') }, few)), record({ quorum: fc.integer({ min: 1, max: 3 }), ttl: oneOf('30s', '2h') }), saying)
const risk = with_(meant(record(about, { points: oneOf(0, 1.5, 30) }, few)), directed, saying)
const masked = fc.oneof(fc.record({ detectors: some('us_ssn', 'api_key') }), fc.record({ fields: some('ssn', 'odd~/*', '/structuredContent/**/email') }))
const mask = with_(record(whom), directed, record({ with: value, must: fc.boolean(), message: told.message }), masked)

/** Whole files of rules that mean something. */
export const rulesFiles = (most: number) =>
  fc.record({
    allow: fc.tuple(fc.array(allow, { maxLength: 4 }), fc.array(asking, { maxLength: 2 })).map(([one, other]) => ids('allow', [...one, ...other])),
    deny: fc.array(deny, { minLength: most, maxLength: most }).map((rules) => ids('deny', rules)),
    require_approval: fc.array(approval, { minLength: 3, maxLength: most }).map((rules) => ids('require', rules)),
    risk: fc.array(risk, { minLength: 3, maxLength: most }).map((rules) => ids('risk', rules)),
    mask: fc.array(mask, { minLength: 3, maxLength: most }).map((rules) => ids('mask', rules)),
  })

const odd = oneOf<Json>(null, 0, 7, 11, '', 'read', 'DROP TABLE', 'xx;y', ['read'], [], {}, { by: 'read' }, { by: 7, 'a/b': 'drop' }, true, 'a.b')
const actor = fc.oneof(
  record({ email: oneOf('ann@example.com', 'Bob@EXAMPLE.com', 'x@other.org') }, { kind: oneOf('person'), subject: oneOf('ann', 'bob'), provider: oneOf('okta', 'other'), groups: fc.subarray([...groups]), groups_known: oneOf(true) }),
  fc.record({ kind: oneOf('service', 'agent'), subject: oneOf('repo:acme/app', 'job', 'helper'), provider: oneOf('ci', 'bots'), groups: fc.subarray([...groups]), groups_known: oneOf(true) }),
  oneOf({ kind: 'nobody', groups: [], groups_known: true }),
)
const call = fc.record({
  kind: oneOf('tool', 'prompt', 'resource'),
  name: oneOf('query', 'list_all', 'get_customer', 'get_x_by_id', 'summary', 'crm://customers/1', 'crm://customers/1/keys', 'crm://customers/../keys', 'crm://%2e%2e/x', 'file:///a/b/z', 'list_/../x'),
  arguments: fc.dictionary(oneOf('limit', 'sql', 'filter'), odd), annotations: fc.dictionary(oneOf('readOnlyHint', 'odd name'), oneOf<Json>(true, 'x', false, 7)), template: oneOf(false),
})
const body = oneOf<Json>({}, { a: 'DROP TABLE x' }, { content: [{ text: 'a secret' }] }, { AKIA: 1 }, { a: [1, { aab: null }] }, { a: 'x AKIA' })
const place = fc.record({ upstream: fc.record({ name: oneOf('crm', 'files', 'crm-eu'), labels: oneOf({}) }), session: fc.record({ id: oneOf('ses_x'), calls: fc.integer({ min: 0, max: 5 }), denied: fc.integer({ min: 0, max: 5 }) }) })
const findings = fc.subarray(['us_ssn', 'api_key', 'jwt']).map((detectors) => detectors.map((detector) => ({ detector, path: '/a', count: 1, confidence: 'high' })))
const now = fc.integer({ min: Date.UTC(2026, 2, 20), max: Date.UTC(2026, 10, 20) }).map((ms) => new Date(ms).toISOString())

/** Questions as the gateway asks them: requests, answers and what a server asks. */
export const questions = fc.tuple(place, actor, call, body, findings, now, oneOf('request', 'answer', 'bare', 'server')).map(([place, actor, call, body, findings, now, shape]) => {
  const common = { ...place, actor, findings, entries: [], now }
  const method = { tool: 'tools/call', prompt: 'prompts/get', resource: 'resources/read' }[call.kind]
  const request = { direction: 'to_server', kind: 'request', method, revision: '2025-06-18', call, body }
  if (shape === 'request') return { ...common, message: request }
  if (shape === 'answer') return { ...common, message: { direction: 'to_client', kind: 'result', method, revision: '2025-06-18', body }, request }
  if (shape === 'bare') return { ...common, message: { direction: 'to_server', kind: 'request', method: 'ping', revision: '2025-06-18', body } }
  return { ...common, message: { direction: 'to_client', kind: 'request', method: 'sampling/createMessage', revision: '2025-06-18', body } }
})
