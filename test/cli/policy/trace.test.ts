import { join } from 'node:path'
import { directoryOf, openPolicyRunner } from './run.ts'

const runner = openPolicyRunner()
afterAll(() => runner.close())

const source = `package policies.desk

import data.sallyport

allow if is_known

deny contains {"code": "drops"} if {
	input.message.call.name == "query"
	sallyport.matches("DROP", sallyport.arg("sql"))
}

deny contains {"code": "odd_hour"} if {
	is_known
	sallyport.hour(input.now) > 20
}

is_known if input.actor.kind == "person"
`
const question = {
  actor: { kind: 'person', subject: 'sam', issuer: 'https://id.example', provider: 'id', groups: [], groups_known: true, claims: {} },
  upstream: { name: 'crm', labels: {} },
  session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-06-18', call: { kind: 'tool', name: 'query', arguments: { sql: 'DROP TABLE x' }, annotations: {}, template: false }, body: {} },
  now: '2026-01-01T00:00:00.000Z',
}
const directory = directoryOf({ 'rego/policies/desk/desk.rego': source, 'rego/policies/idle/idle.rego': 'package policies.idle\n\nallow if input.upstream.name == "other"\n', 'question.json': JSON.stringify(question) })
const evaluate = (...more: readonly string[]) => runner.run(['eval', '--dir', join(directory, 'rego'), '--input', join(directory, 'question.json'), ...more])

test('a trace says what each rule of which file answered, and where the others stopped', async () => {
  const { code, stdout } = await evaluate('--trace')
  expect(code).toBe(0)
  const lines = stdout.split('\n')
  expect(lines[0]).toBe('deny')
  expect(stdout).toContain('policies/desk/desk.rego\n')
  expect(lines).toContainEqual(expect.stringMatching(/^ +5 {2}desk\/allow: true/))
  expect(lines).toContain('     7  desk/deny/drops: {"code":"drops"}')
  expect(lines).toContain('    12  desk/deny/odd_hour: nothing (line 14 does not hold)')
  expect(lines).toContainEqual(expect.stringMatching(/^ +17 {2}desk\/is_known: true/))
  expect(lines).toContainEqual(expect.stringMatching(/lines that took part: 5, 7-9, 13-14, 17$/))
  expect(lines).toContain('policies/idle/idle.rego: nothing (1 rule asked)')
})

test('the decision as JSON is the same with a trace, which stands beside its members', async () => {
  const plain = JSON.parse((await evaluate('--json')).stdout) as object
  const { trace, ...decision } = JSON.parse((await evaluate('--json', '--trace')).stdout) as { trace: { steps: { file: string; row: number; rules: string[]; answers: unknown[] }[]; lines: Record<string, number[]> } }
  expect(decision).toEqual(plain)
  expect(trace.steps.find(({ row, file }) => row === 7 && file.endsWith('desk.rego'))).toMatchObject({ rules: ['desk/deny/drops'], answers: [{ code: 'drops' }], stopped: [] })
  expect(trace.lines['policies/desk/desk.rego']).toEqual([5, 7, 8, 9, 13, 14, 17])
})
