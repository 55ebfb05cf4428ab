import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { createOpa } from '../../../src/bundle/opa.ts'
import { createOutput } from '../../../src/cli/output.ts'
import { registerPolicy } from '../../../src/cli/policy/index.ts'
import { directoryOf } from '../../bundle/support.ts'

const opa = createOpa()
afterAll(() => opa.close())

const policy = async (...args: readonly string[]) => {
  let [stdout, stderr, code] = ['', '', 0]
  const output = createOutput({ stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) } })
  const program = new Command().exitOverride().configureOutput({ writeOut: (text) => (stdout += text), writeErr: (text) => (stderr += text) })
  registerPolicy(program, { output, env: {}, exit: (wanted) => (code = wanted) }, () => ({ ...opa, close: () => Promise.resolve() }))
  await program.parseAsync(['policy', ...args], { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error
    code = error.exitCode === 0 ? 0 : 2
  })
  return { code, stdout, stderr }
}
const rules = 'allow:\n  - { id: support-works, who: { groups: support }, upstreams: crm, tools: query }\ndeny:\n  - { id: no-drop, tools: query, arguments: { sql: { contains: drop } }, message: no DROP, remedy: Ask. }\n'
const rego = 'package policies.own\n\nallow if input.message.call.name == "own"\n'
const question = {
  actor: { kind: 'person', subject: 'sam', issuer: 'https://id.example', provider: 'id', groups: ['support'], groups_known: true, claims: {} },
  upstream: { name: 'crm', labels: {} },
  session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-06-18', call: { kind: 'tool', name: 'query', arguments: { sql: 'Drop x' }, annotations: {}, template: false }, body: {} },
  now: '2026-01-01T12:00:00.000Z',
}
const given = await directoryOf({ 'source/policies/own/own.rego': rego, 'with/rules.yaml': rules, 'rules.yaml': rules, 'broken.yaml': 'deny:\n  - id: d\n    tool: a\n', 'question.json': JSON.stringify(question) })
const at = (path: string): string => join(given, path)

test('rules stand beside policies, or alone in a directory', async () => {
  const beside = await policy('eval', '--dir', at('source'), '--rules', at('rules.yaml'), '--input', at('question.json'))
  expect(beside).toMatchObject({ code: 0 })
  expect(beside.stdout).toMatch(/^deny\n {2}rules\/deny\/no-drop: no DROP\n {4}→ Ask\./)
  expect(JSON.parse((await policy('eval', '--dir', at('with'), '--input', at('question.json'), '--json')).stdout)).toMatchObject({ kind: 'deny', reasons: [{ rule: 'rules/deny/no-drop', remedy: 'Ask.' }] })
  expect((await policy('check', '--dir', at('with'))).code).toBe(0)
})

test('what is wrong is told with its place, for people and as JSON', async () => {
  const { code, stdout } = await policy('check', '--dir', at('source'), '--rules', at('broken.yaml'))
  expect(code).toBe(1)
  expect(stdout).toMatch(/broken\.yaml:3:5: deny\[0\]\.tool: .*\[rules_key\]\n {2}→ did you mean tools\?/)
  expect(JSON.parse((await policy('check', '--dir', at('source'), '--rules', at('broken.yaml'), '--json')).stdout)).toMatchObject({ ok: false, problems: [{ stage: 'rules', row: 3, col: 5, code: 'rules_key' }] })
  expect(await policy('check', '--dir', at('source'), '--rules', at('missing.yaml'))).toMatchObject({ code: 3 })
})

test('a bundle has the rules in it', async () => {
  const bundle = at('bundle.tar.gz')
  expect((await policy('build', '--dir', at('source'), '--rules', at('rules.yaml'), '--output', bundle)).code).toBe(0)
  expect((await readFile(bundle)).length).toBeGreaterThan(1000)
  expect((await policy('eval', '--bundle', bundle, '--input', at('question.json'))).stdout).toMatch(/^deny\n {2}rules\/deny\/no-drop/)
})

test('explain prints all rules or one, and refuses what is not there', async () => {
  const all = await policy('explain', '--dir', at('with'))
  expect(all.code).toBe(0)
  expect(all.stdout).toMatch(/^package policies\.from_rules\n[^]*allow if \{[^]*deny contains/)
  expect(JSON.parse((await policy('explain', '--dir', at('with'), '--json')).stdout)).toEqual({ ok: true, rego: all.stdout })
  const one = await policy('explain', 'no-drop', '--dir', at('with'))
  expect(one.stdout).toContain('deny contains {"code": "no-drop", "message": "no DROP"} if {')
  expect(one.stdout).not.toContain('allow')
  expect(await policy('explain', 'no-dorp', '--dir', at('with'))).toMatchObject({ code: 1, stdout: expect.stringContaining('did you mean no-drop?') })
  expect(await policy('explain', '--dir', at('source'))).toMatchObject({ code: 1, stdout: expect.stringContaining('no_rules') })
})
