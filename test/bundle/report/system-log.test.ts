import { buildBundle, digestOf } from '../../../src/bundle/build.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import type { Problem } from '../../../src/bundle/problem.ts'
import { sourcesOf } from '../../../src/bundle/source/read-directory.ts'
import { testBundle } from '../../../src/bundle/test.ts'
import { packBundle, unpackBundle } from '../../../src/bundle/trust/bundle-file.ts'

// A source may say in `package system.log` what decision logs leave out. It goes all the way of policies, and judges nothing.

const opa = createOpa({ processes: 2 })
const options = { opa, ...(await readBuildOptions()) }
afterAll(() => opa.close())

const policy = `package policies.crm

allow if "support" in input.actor.groups
`
const sound = `package system.log

import data.hidden
import data.sallyport

drop if {
	input.input.message.method == "ping"
	not refused
}

refused if input.result.kind == "deny"

mask contains "/input/actor/claims"

mask contains {"op": "upsert", "path": "/input/actor/email", "value": "somebody"} if input.input.actor.kind == "person"

mask contains sprintf("/input/message/call/arguments/%s", [name]) if some name in hidden.arguments

mask contains "/result/reasons" if sallyport.matches(\`secret\`, input.input.message.call.name)
`
const data = '{"hidden": {"arguments": ["ssn"]}}'
const read = async (files: Readonly<Record<string, string>>) => {
  const found = await sourcesOf(new Map(Object.entries({ 'policies/crm/crm.rego': policy, 'data.json': data, ...files })), { revision: 'r' })
  if (!found.ok) throw new Error(JSON.stringify(found.problems))
  return found.sources
}
const build = async (files: Readonly<Record<string, string>>) => buildBundle(await read(files), { ...options, review: true })
const problemsOf = async (files: Readonly<Record<string, string>>): Promise<readonly Problem[]> => {
  const built = await build(files)
  return built.ok ? [] : built.problems
}
const rule = (text: string) => ({ 'system/log/log.rego': `package system.log\n\n${text}\n` })

test('it is checked, linted, formatted and built, beside what judges', async () => {
  const built = await build({ 'system/log/log.rego': sound })
  expect(built.ok ? [] : built.problems).toEqual([])
  expect(built.review).toEqual({ findings: [], unformatted: [] })
  const plain = await build({ 'data.json': '{}' })
  if (!built.ok || !plain.ok) throw new Error('neither')
  expect(built.bundle.log_rules?.entrypoints).toEqual(['system/log/drop', 'system/log/mask'])
  // What judges is the same to the byte, and reads nothing more: only the name of the bundle tells.
  expect(Buffer.from(built.bundle.wasm).equals(Buffer.from(plain.bundle.wasm))).toBe(true)
  expect([built.bundle.input_paths, built.bundle.recall, built.bundle.reads_groups]).toEqual([plain.bundle.input_paths, plain.bundle.recall, plain.bundle.reads_groups])
  expect(plain.bundle.log_rules).toBeUndefined()
  expect(built.bundle.digest).not.toBe(plain.bundle.digest)
})

test('its tests run by both evaluators, and what they reach is counted', async () => {
  const tests = `package system.log_test

import data.system.log

test_mask if {
	log.mask == {"/input/actor/claims", "/input/message/call/arguments/ssn", {"op": "upsert", "path": "/input/actor/email", "value": "somebody"}} with input as {"input": {"actor": {"kind": "person"}, "message": {"call": {"name": "query"}}}, "result": {"kind": "allow"}}
}

test_drop if log.drop with input as {"input": {"message": {"method": "ping"}}, "result": {"kind": "allow"}}

test_a_refused_ping_stays if not log.drop with input as {"input": {"message": {"method": "ping"}}, "result": {"kind": "deny"}}
`
  const tested = await testBundle(await read({ 'system/log/log.rego': sound, 'system/log/log_test.rego': tests }), options)
  if (!tested.ok) throw new Error(JSON.stringify(tested.problems))
  expect(tested.report).toMatchObject({ failed: 0, differing: 0 })
  expect(tested.report.tests).toHaveLength(3)
  expect(tested.report.coverage?.uncovered).toMatchObject([{ file: 'policies/crm/crm.rego' }, { file: 'system/log/log.rego', lines: [19] }])
})

test('a bundle holds it, and what is read from the bundle is the same source', async () => {
  const sources = await read({ 'system/log/log.rego': sound })
  const built = await buildBundle(sources, options)
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const back = await unpackBundle(await packBundle(sources, built.bundle))
  if (!back.ok) throw new Error(JSON.stringify(back.problems))
  expect(digestOf(back.sources)).toBe(built.bundle.digest)
  const again = await buildBundle(back.sources, options)
  expect(again.ok && Buffer.from(again.bundle.log_rules?.wasm ?? []).equals(Buffer.from(built.bundle.log_rules?.wasm ?? []))).toBe(true)
})

test('its input is an event of the log: a slip in a name is an error where the question is known', async () => {
  const slips = ['input.message.method', 'input.input.mesage.method', 'input.input.actor.mail', 'input.decision']
  const found = await problemsOf(rule(slips.map((slip) => `drop if ${slip} == "ping"`).join('\n')))
  expect(found.map(({ code, file, row }) => [code, file, row])).toEqual(slips.map((_, at) => ['rego_type_error', 'system/log/log.rego', at + 3]))
  const all = `drop if {
	input.input.message.body.x
	input.input.request.call.arguments.y
	input.result.reasons[_].code
	input.labels.id
	input.bundles.sallyport.revision
	input.requested_by
	input.erased[_]
	input.timestamp
	input.input.actor.claims.department
	input.input.entries[_].name
	input.input.approval.granted_by
}`
  expect(await problemsOf(rule(all))).toEqual([])
})

const deny = (name: string, condition: string) => ({ [`policies/${name}/${name}.rego`]: `package policies.${name}\n\ndeny contains {"code": "x"} if ${condition}\n` })
const refusals: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>])[] = [
  ...['mask := ["/input/actor"]', 'mask.a := "/input/actor"', 'mask(_) := "/input/actor"', 'drop contains true', 'drop := "yes"'].map((text) => [text, ['log_type 3'], rule(text)] as const),
  ['masks that are none', ['log_mask 3', 'log_mask 4', 'log_mask 5', 'log_mask 6', 'log_mask 7', 'log_mask 8'], rule([
    '"/requested_by"', '"input/actor"', '3', '{"path": "/input/actor"}', '{"op": "replace", "path": "/input/actor"}', '{"op": "upsert", "path": "/input/actor", "vaule": 1}',
  ].map((mask) => `mask contains ${mask}`).join('\n'))],
  ['what nobody asks, and what looks at a message', ['unused_rule 3', 'log_reads 5', 'log_reads 7', 'log_reads 9'], rule(
    'masks contains "/input/actor"\n\ndrop if data.sallyport.arg("x") == 1\n\ndrop if data.policies.crm.allow\n\ndrop if data.sallyport.decision.kind == "allow"',
  )],
  ['packages of other names', ['package 1', 'package 1', 'package 1', 'package 1', 'package 1'], {
    'system/log/log_test.rego': 'package system.log\n\ndrop := false\n', 'system/log/log.rego': 'package system.log_test\n\ntest_x := true\n',
    'system/authz/authz.rego': 'package system.authz\n\nallow := true\n', 'system/log/more.rego': 'package system.log.more\n\ndrop := true\n', 'a.rego': 'package systems.log\n\ndrop := true\n',
  }],
  ['policies that reach it, or may', ['log_reached 3', 'log_reached 3', 'log_reached 3'], {
    ...rule('drop := false'), ...deny('a', 'data.system.log.drop'), ...deny('b', 'count(data.system) > 0'), ...deny('c', 'data[input.upstream.name].log'),
  }],
  ['words that no check looks into', ['keyword 5', 'keyword 7'], rule('import rego.v2\n\ndrop if not input.labels\n\nmask contains "/input/actor" if input.labels or input.decision_id')],
  ['data in its place', ['reserved_data -'], { 'data.json': '{"system": {"log": {"drop": true}}}' }],
  ['a builtin that asks the network', ['forbidden_builtin 3'], rule('drop if http.send({"method": "get", "url": "http://127.0.0.1/"}).status_code == 200')],
]
/** Where nobody reads a module, each of its rules is unused too. */
const follows = new Set(['unused_rule', 'silent'])
test.each(refusals)('%s: refused', async (_, wanted, files) => {
  const problems = await problemsOf(files)
  const isWanted = ({ code, row }: Problem) => wanted.includes(`${code} ${row ?? '-'}`)
  expect(problems.filter(isWanted).map(({ code, row }) => `${code} ${row ?? '-'}`).sort()).toEqual([...wanted].sort())
  expect(problems.filter((problem) => !isWanted(problem) && !follows.has(problem.code))).toEqual([])
  for (const { remedy } of problems) expect(remedy).toMatch(/\S/)
})

test('tests may use any words', async () => {
  expect(await problemsOf({ ...rule('drop if input.labels'), 'system/log/log_test.rego': 'package system.log_test\n\nimport rego.v2\n\ntest_drop if {\n\tnot data.system.log.drop with input as {}\n\ttrue or false\n}\n' })).toEqual([])
})

test('a policy that merely names a variable of data is fine where there is nothing about logs', async () => {
  expect(await problemsOf({ 'policies/a/a.rego': 'package policies.a\n\ndeny contains {"code": "x"} if data[input.upstream.name].log\n' })).toEqual([])
})
