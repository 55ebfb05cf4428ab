import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directoryOf, openPolicyRunner } from './run.ts'

const runner = openPolicyRunner()
afterAll(() => runner.close())

const module = (drops: string, more = '') => `package policies.desk

import data.sallyport

# METADATA
# title: Desk
# description: Everybody at the desk.
allow if input.actor.kind == "person"

# METADATA
# title: Drops
deny contains {"code": "drops"} if {
	input.message.call.name == "query"
	sallyport.matches(${drops}, sallyport.arg("sql"))
}
${more}`
const gone = `
deny contains {"code": "gone"} if input.message.call.name == "gone"

deny contains {"code": "words"} if is_word

is_word if input.message.call.name == "word"
`
const come = `
deny contains {"code": "come"} if input.message.call.name == "come"

# METADATA
# title: Words
deny   contains   {"code": "words"}   if   is_word

is_word if { input.message.call.name == "word" }
`
const cases = `
- { name: a drop, who: sam, call: [crm, query, { sql: DROP TABLE a }], want: { kind: deny } }
- { name: a grant, who: sam, call: [crm, query, { sql: GRANT ALL }], want: { kind: allow } }
- { name: gone, who: sam, call: [crm, gone, {}], want: { kind: deny } }
`
const root = directoryOf({
  'rego/policies/desk/desk.rego': module('"DROP"', gone), 'rego/data.yaml': 'thresholds: { approve: 70, deny: 90 }\nwords: { a: 1 }\n',
  'rego/cases/desk.yaml': cases, 'rego/cases/people.yaml': 'sam: { kind: person, groups: [] }\n',
})
const git = (...args: readonly string[]) => {
  const ran = spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: root, encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(ran.stderr)
  return ran.stdout.trim()
}
beforeAll(() => {
  git('init', '--quiet', '--initial-branch=main')
  git('add', '.')
  git('commit', '--quiet', '-m', 'one')
  git('tag', 'one')
  writeFileSync(join(root, 'rego/policies/desk/desk.rego'), module('`DROP|GRANT`', come))
  writeFileSync(join(root, 'rego/data.yaml'), 'words: { a: 1, b: 2 }\nthresholds: { deny: 80, approve: 70 }\n')
  writeFileSync(join(root, 'rego/cases/desk.yaml'), cases.replace('GRANT ALL }], want: { kind: allow }', 'GRANT ALL }], want: { kind: deny }'))
})
const diff = (...args: readonly string[]) => runner.run(['diff', '--dir', join(root, 'rego'), ...args])

test('a commit and the working tree differ in rules, METADATA, data and decisions, not in how they are written', async () => {
  const { code, stdout } = await diff('one', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    before: { name: 'one', digest: expect.stringMatching(/^bnd_/) as string },
    rules: [
      { rule: 'desk/deny/come', change: 'added' },
      { rule: 'desk/deny/drops', change: 'changed', in: ['rule'], title: 'Drops', file: 'policies/desk/desk.rego' },
      { rule: 'desk/deny/gone', change: 'removed' },
      { rule: 'desk/deny/words', change: 'changed', in: ['metadata'] },
    ],
    data: [{ path: '/thresholds/deny', change: 'changed', before: 90, after: 80 }, { path: '/words/b', change: 'added', after: 2 }],
    cases: { changed: [{ name: 'a grant', before: { kind: 'allow' }, after: { kind: 'deny', rules: ['desk/deny/drops'] } }, { name: 'gone', before: { kind: 'deny' }, after: { kind: 'allow' } }] },
    traffic: null,
  })
})

test('what differs is told in lines, and under a pull request', async () => {
  const { stdout } = await diff('one')
  expect(stdout.split('\n')).toEqual(expect.arrayContaining([
    expect.stringMatching(/^ {2}\+ desk\/deny\/come {2}policies\/desk\/desk\.rego:\d+$/),
    expect.stringMatching(/^ {2}~ desk\/deny\/drops \(rule\): Drops/),
    '  ~ data/thresholds/deny: 90 → 80',
    '3 decision cases asked of both, 2 decided otherwise',
  ]) as string[])
  const { stdout: markdown, code } = await diff('one', '--markdown', '--fail-on-change')
  expect(code).toBe(1)
  expect(markdown).toMatch(/^### Policy diff: 4 rules and 2 values of data differ, 2 decisions would change$/m)
  expect(markdown).toContain('| `a grant` | allow: `desk/allow` | deny: `desk/deny/drops` |')
})

test('two commits and a bundle are compared alike', async () => {
  git('add', '.')
  git('commit', '--quiet', '-m', 'two')
  const bundle = join(root, 'one.tar.gz')
  expect((await diff('one', 'HEAD~1')).stdout).toContain('the same bundle')
  expect((await runner.run(['build', '--dir', join(root, 'rego'), '--output', bundle])).code).toBe(0)
  expect(JSON.parse((await diff('one:rego', bundle, '--json')).stdout)).toMatchObject({ rules: [{ change: 'added' }, { change: 'changed' }, { change: 'removed' }, { change: 'changed' }], data: [{}, {}] })
})

test('rules beside the policies are asked on both sides', async () => {
  const rules = join(root, 'more.yaml')
  writeFileSync(rules, 'deny:\n  - { id: no-queries, tools: query }\n')
  const report = JSON.parse((await diff('one', '--rules', rules, '--json')).stdout) as { rules: { rule: string }[]; cases: object }
  expect(report.rules.map(({ rule }) => rule).filter((rule) => rule.startsWith('rules/'))).toEqual([])
  expect(report.cases).toMatchObject({ changed: [{ name: 'a grant', before: { rules: ['rules/deny/no-queries'] }, after: { rules: ['desk/deny/drops', 'rules/deny/no-queries'] } }, { name: 'gone' }] })
})

test('what is none of them is told', async () => {
  expect(await diff('nothing-of-that-name')).toMatchObject({ code: 3, stdout: expect.stringContaining('no directory, no bundle and no commit') as string })
  expect((await diff('--', '--upload-pack=x')).code).toBe(3)
  expect(await diff('one:nowhere')).toMatchObject({ code: 1, stdout: expect.stringContaining('no folder nowhere') as string })
})
