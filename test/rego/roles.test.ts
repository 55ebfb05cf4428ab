import { buildBundle, type BuiltBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { compiledOf } from '../../src/bundle/rules/apply-rules.ts'
import { explainRules } from '../../src/bundle/rules/explain.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import type { KnownActor, Role } from '../../src/model.ts'
import { createPolicyEngine } from '../../src/policy/engine.ts'
import { createLog } from '../policy/support.ts'

// Roles of the admin API: what may be written, and what comes of it.

const opa = createOpa()
const options = { opa, ...(await readBuildOptions()) }
const { logger } = createLog()
let failed = 0
const engine = createPolicyEngine({ detectors: options.detectors, logger, rolesFailed: () => (failed += 1) })
afterAll(async () => {
  await engine.close()
  await opa.close()
})

const moduleOf = (name: string, body: string): string => `package policies.${name}\n\n${body.includes('sallyport.') ? 'import data.sallyport' : ''}\n\n${body}\n`
const readOf = async (files: Readonly<Record<string, string>>) => {
  const read = await sourcesOf(new Map(Object.entries(files)), { revision: 'r' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.sources
}
const build = async (body: string, more: Readonly<Record<string, string>> = {}) => buildBundle(await readOf({ 'policies/desk/desk.rego': moduleOf('desk', body), ...more }), options)
const good = async (body: string): Promise<BuiltBundle> => {
  const built = await build(body)
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  return built.bundle
}
const person = (groups: readonly string[], more: Partial<KnownActor> = {}): KnownActor => ({ kind: 'person', subject: 'ann', issuer: 'https://idp.example', provider: 'idp', groups, groups_known: true, claims: { acr: 'high' }, ...more }) as KnownActor
const at = '2026-11-21T09:00:00.000Z'

const refused: readonly (readonly [string, string, string, number])[] = [
  ['another role', 'roles contains "root" if input.actor.kind == "person"', 'role_name', 5],
  ['a role in other letters', 'roles contains "Reviewer" if input.actor.kind == "person"', 'role_name', 5],
  ['a role that is found out', 'roles contains role if some role in input.actor.groups', 'role_name', 5],
  ['a role of another type', 'roles contains {"reviewer"} if input.actor.kind == "person"', 'role_name', 5],
  ['one role for all', 'roles := "reviewer" if input.actor.kind == "person"', 'role_type', 5],
  ['a list', 'roles := ["reviewer"]', 'role_type', 5],
  ['a function', 'roles(actor) := "reviewer" if actor.kind == "person"', 'role_type', 5],
  ['members', 'roles.reviewer if input.actor.kind == "person"', 'role_type', 5],
  ['the call', 'roles contains "viewer" if input.message.call.name == "x"', 'role_reads', 5],
  ['the server', 'roles contains "viewer" if {\n\tinput.upstream.name == "crm"\n}', 'role_reads', 6],
  ['the session', 'roles contains "viewer" if input.session.calls == 0', 'role_reads', 5],
  ['an approval', 'roles contains "viewer" if not input.approval', 'role_reads', 5],
  ['arguments', 'roles contains "viewer" if sallyport.arg("x") == 1', 'role_reads', 5],
  ['the input as a whole', 'roles contains "viewer" if {\n\tsome part in input\n\tpart.kind == "person"\n}', 'role_reads', 6],
  ['the input through another rule', 'roles contains "viewer" if fits\n\nfits if input.upstream.name == "crm"', 'role_reads', 7],
  ['what is true of anything odd', 'roles contains "viewer" if sallyport.matches("^x", input.actor.email)', 'helper_in_allow', 5],
  ['what may not be there, under not', 'roles contains "viewer" if not is_guest\n\nis_guest if lower(input.actor.claims.home) == "guest"', 'silent', 7],
]
/** In packages of their own they do not see each other, so that one build looks at all. */
const files = Object.fromEntries(refused.map(([, body], index) => [`policies/desk/case_${index}.rego`, moduleOf(`case_${index}`, body)]))
const found = build('allow if input.actor.kind == "person"', files)
test.each(refused.map((one, index) => [...one, `policies/desk/case_${index}.rego`] as const))('no role rests on %s: the place is named', async (_, __, code, row, file) => {
  const built = await found
  if (built.ok) throw new Error('it was built')
  expect(built.problems).toContainEqual(expect.objectContaining({ stage: 'semantics', code, file, row, remedy: expect.stringMatching(/\S/) }))
})

test('a test package gives no roles', async () => {
  const built = await build('roles contains "viewer" if input.actor.kind == "person"', { 'policies/desk/desk_test.rego': 'package policies.desk_test\n\nroles contains "operator"\n' })
  expect(built.ok ? [] : built.problems.map(({ code }) => code)).toEqual(['verdict_in_test'])
})

test('roles come from every rule that holds, as everybody is now, and from nowhere else', async () => {
  await engine.activate(await good(`roles contains "reviewer" if "oncall" in input.actor.groups

roles contains "auditor" if {
	sallyport.in_group("audit")
	input.actor.kind == "person"
}

roles contains "operator" if {
	some group in data.nowhere
	group in input.actor.groups
}`))
  expect(await engine.roles(person(['oncall', 'audit']), at)).toEqual(['reviewer', 'auditor'])
  expect(await engine.roles(person(['oncall']), at)).toEqual(['reviewer'])
  expect(await engine.roles(person(['audit'], { kind: 'service' }), at)).toEqual([])
  expect(await engine.roles(person(['support']), at)).toEqual([])
  expect(await engine.roles(person(['oncall'], { groups_known: false }), at)).toEqual([])
  expect(failed).toBe(0)
})

test('where no role rests on groups, unknown groups take none; decisions are no other for what roles read', async () => {
  const bundle = await good('allow if input.upstream.name == "crm"\n\nroles contains "viewer" if input.actor.subject == "ann"\n\nroles contains "operator" if {\n\tinput.actor.claims.acr == "high"\n\tinput.actor.subject == "root"\n}')
  await engine.activate(bundle)
  expect(await engine.roles(person([], { groups_known: false }), at)).toEqual(['viewer'])
  const grouped = await good('allow if input.upstream.name == "crm"\n\nroles contains "viewer" if "ops" in input.actor.groups')
  expect(grouped.reads_groups).toBe(false)
  expect(grouped.role_paths).toEqual(['/actor/groups'])
  expect(grouped.input_paths).toEqual((await good('allow if input.upstream.name == "crm"')).input_paths)
  expect(bundle.input_paths).not.toContain('/actor/claims/acr')
})

test('a role of the hour ends with it; another is asked for once', async () => {
  await engine.activate(await good('roles contains "operator" if sallyport.hour(input.now) < 12'))
  const actor = person([])
  expect(await engine.roles(actor, at)).toEqual(['operator'])
  expect(await engine.roles(actor, '2026-11-21T13:00:00.000Z')).toEqual([])
})

test('another bundle is asked anew', async () => {
  const actor = person(['oncall'])
  await engine.activate(await good('roles contains "reviewer" if "oncall" in input.actor.groups'))
  expect(await engine.roles(actor, at)).toEqual(['reviewer'])
  await engine.activate(await good('roles contains "viewer" if "oncall" in input.actor.groups'))
  expect(await engine.roles(actor, at)).toEqual(['viewer'])
  await engine.activate(await good('allow if input.actor.kind == "person"'))
  expect(await engine.roles(actor, at)).toEqual([])
})

test('whatever goes wrong gives no role, and is counted', async () => {
  await engine.activate(await good(`roles contains "operator" if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	a * b == 9000000
}

roles contains "viewer" if input.actor.kind == "person"`))
  const before = failed
  expect(await engine.roles(person([]), at)).toEqual([])
  expect(failed).toBe(before + 1)
})

test('policies that are too old still say who may find out why', async () => {
  await engine.activate(await good('roles contains "viewer" if input.actor.kind == "person"'))
  engine.setStale(true)
  expect(await engine.roles(person([]), at)).toEqual(['viewer'])
  engine.setStale(false)
})

test('a module without the entrypoint gives no role', async () => {
  const bundle = await good('allow if input.actor.kind == "person"')
  const bare = await opa.build({ modules: { 'sallyport.rego': 'package sallyport\n\ndecision := {"kind": "allow", "reasons": [{"code": "allowed", "rule": "x/allow"}], "risk": 0, "listed": []}\n' }, entrypoints: ['sallyport/decision'] })
  if (!bare.ok) throw new Error('it is not built')
  const { recall: _, ...rest } = bundle
  await engine.activate({ ...rest, digest: 'bnd_bare', wasm: bare.result.wasm })
  expect(await engine.roles(person(['oncall']), at)).toEqual([])
})

describe('rules in YAML', () => {
  const yaml = `roles:
  - id: on-call
    role: reviewer
    who: { groups: oncall }
    unless: { people: '*@contractor.example' }
  - id: robots
    role: [viewer, operator]
    who: { services: 'idp/repo:*', people: ann@example.com }
    during: { hours: '08:00-18:00' }
`
  const withRules = async (text: string) => {
    const read = await sourcesOf(new Map([['rules.yaml', text]]), { revision: 'r' })
    return read.ok ? { sources: read.sources, built: await buildBundle(read.sources, options) } : { problems: read.problems }
  }
  const who: readonly (readonly [string, KnownActor, string, readonly Role[]])[] = [
    ['the group', person(['oncall'], { email: 'bo@example.com' }), at, ['reviewer']],
    ['the group, of a person who is left out', person(['oncall'], { email: 'bo@contractor.example' }), at, []],
    ['the group, of a person whose address nobody knows', person(['oncall']), at, []],
    ['a group that may be any', person([], { groups_known: false, email: 'bo@example.com' }), at, []],
    ['an address', person([], { email: 'Ann@example.com' }), at, ['viewer', 'operator']],
    ['a service', person([], { kind: 'service', subject: 'repo:acme' }), at, ['viewer', 'operator']],
    ['a service of another issuer', person([], { kind: 'service', subject: 'repo:acme', provider: 'other' }), at, []],
    ['a service, too late', person([], { kind: 'service', subject: 'repo:acme' }), '2026-11-21T19:00:00.000Z', []],
    ['a service, at no time', person([], { kind: 'service', subject: 'repo:acme' }), 'now', []],
  ]

  test('give roles as the Rego that explains them does, and touch no decision', async () => {
    const { sources, built } = await withRules(yaml)
    if (sources === undefined || !built?.ok) throw new Error(JSON.stringify(built))
    expect([built.bundle.reads_groups, built.bundle.recall !== undefined]).toEqual([false, true])
    const rules = compiledOf(sources)
    if (rules === undefined) throw new Error('there are no rules')
    const explained = await buildBundle((await readOf({ 'policies/from_rules/from_rules.rego': explainRules(rules) })), options)
    if (!explained.ok) throw new Error(JSON.stringify(explained.problems))
    for (const bundle of [built.bundle, explained.bundle]) {
      await engine.activate(bundle)
      for (const [name, actor, now, roles] of who) expect([name, await engine.roles(actor, now)]).toEqual([name, roles])
    }
  })

  test.each([['root', 'rules_value', 3], ['[reviewer, Viewer]', 'rules_value', 3]])('know no role %s', async (role, code, row) => {
    const { problems } = await withRules(`roles:\n  - id: x\n    role: ${role}\n    who: everyone\n`)
    expect(problems).toContainEqual(expect.objectContaining({ code, file: 'rules.yaml', row }))
  })
})
