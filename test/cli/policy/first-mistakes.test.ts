import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directoryOf, openPolicyRunner } from './run.ts'

const runner = openPolicyRunner()
afterAll(() => runner.close())

const rego = (body: string, name = 'policies.crm') => ({ 'policies/crm/crm.rego': `package ${name}\n\n${body}\n` })
const fine = 'allow if input.actor.kind == "person"'

test.each([
  ['a package that nobody asks', rego(fine, 'crm'), /crm\.rego: package crm is not read.*\n.*name it `policies\.<name>`/],
  ['a missing import', rego('allow if sallyport.in_group("a")'), /crm\.rego:3:10: undefined function.*\n.*`import data\.sallyport`/],
  ['a misspelt helper', rego('import data.sallyport\n\nallow if sallyport.in_gruop("a")'), /did you mean sallyport\.in_group/],
  ['a helper that is none', rego('import data.sallyport\n\nallow if sallyport.whatever("a")'), /helpers are arg, at,/],
  ['a name without a value', rego('allow if actr.kind == "person"'), /crm\.rego:3:10: var actr is unsafe.*\n.*`input\.`/],
  ['Rego of before v1', rego('deny[{"code": "x"}] { input.message.method == "ping" }'), /keyword is required.*\n.*write .*deny contains/],
  ['a brace that is not closed', rego('allow if {\n\ttrue'), /unexpected eof[^]*not closed/],
  ['a bare star in YAML', { 'rules.yaml': 'allow:\n  - id: a\n    tools: *\n' }, /rules\.yaml:3:12: [^]*put `\*` in quotes/],
])('%s is told with its place and what to write', async (_, files, told) => {
  const { code, stdout } = await runner.run(['check', '--dir', directoryOf(files)])
  expect([code, stdout]).toEqual([1, expect.stringMatching(told)])
})

test('tests that are none are no silent success', async () => {
  const lost = directoryOf({ ...rego(fine), 'policies/crm/crm_test.rego': 'package policies.crm_test\n\nperson_may if true\n' })
  expect(await runner.run(['test', '--dir', lost])).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing was tested') })
})

test('what is not formatted is named with the way to format it', async () => {
  const { code, stdout, stderr } = await runner.run(['fmt', '--dir', directoryOf(rego(`${fine}   `))])
  expect([code, stdout, stderr]).toEqual([1, 'policies/crm/crm.rego\n', expect.stringContaining('--write')])
})

test('a question with names that no gateway asks with is answered, and the names are told', async () => {
  const dir = directoryOf(rego(fine))
  const input = join(dir, 'question.json')
  writeFileSync(input, JSON.stringify({ actor: { kind: 'person', group: [], claims: { any: 1 } }, mesage: {}, message: { method: 'ping', call: { arguments: { any: 1 } }, body: { any: 1 } }, upstream: { labels: { any: 'x' } } }))
  const { code, stderr } = await runner.run(['eval', '--dir', dir, '--input', input])
  expect([code, stderr.trim().split('\n')]).toEqual([0, ['no rule sees input.actor.group: did you mean groups?', 'no rule sees input.mesage: did you mean message?']])
})
