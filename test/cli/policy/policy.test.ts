import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { printJunit } from '../../../src/cli/policy/junit.ts'
import type { Json } from '../../../src/model.ts'
import { directoryOf, example, openPolicyRunner, type Ran } from './run.ts'

const scratch = (): Promise<string> => mkdtemp(join(tmpdir(), 'sallyport-test-'))
const copyOf = async (changes: Readonly<Record<string, string>>): Promise<string> => directoryOf(changes, example)

const runner = openPolicyRunner()
afterAll(() => runner.close())
const policy = (...args: readonly string[]): Promise<Ran> => runner.run(args)
const json = ({ stdout }: Ran): Json => JSON.parse(stdout) as Json

const broken = { 'policies/crm/broken.rego': 'package policies.broken\n\nallow if y\n' }
const question = {
  actor: { kind: 'person', subject: 'sam', issuer: 'https://id.example', provider: 'id', groups: ['support'], groups_known: true, claims: {} },
  upstream: { name: 'crm', labels: {} },
  session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: {
    direction: 'to_server',
    kind: 'request',
    method: 'tools/call',
    revision: '2025-06-18',
    call: { kind: 'tool', name: 'query', arguments: { sql: 'DROP TABLE x' }, annotations: {}, template: false },
    body: { name: 'query', arguments: { sql: 'DROP TABLE x' } },
  },
  now: '2026-01-01T00:00:00.000Z',
}

describe('check', () => {
  test('what is fine exits with 0 and names the bundle', async () => {
    const ran = await policy('check', '--dir', example, '--json')
    expect(ran.code).toBe(0)
    expect(json(ran)).toMatchObject({ ok: true, digest: expect.stringMatching(/^bnd_/), problems: [], warnings: [] })
  })

  test('a problem exits with 1 and is told with its place', async () => {
    const directory = await copyOf(broken)
    const ran = await policy('check', '--dir', directory)
    expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining('policies/crm/broken.rego:3:10: var y is unsafe') })
    expect(json(await policy('check', '--dir', directory, '--json'))).toMatchObject({
      ok: false,
      problems: [{ stage: 'check', file: 'policies/crm/broken.rego', row: 3, col: 10, code: 'rego_unsafe_var_error' }],
    })
  })

  test('a builtin that the gateway does not run exits with 1 and says what to do', async () => {
    const directory = await copyOf({ 'policies/crm/more.rego': 'package policies.more\n\nallow if http.send({"method": "get", "url": "http://x"}).body\n' })
    const ran = await policy('check', '--dir', directory)
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/more\.rego:3:10: http\.send cannot be used in a policy.*\n {2}→ /)
  })

  test('a bundle that the engine would not take exits with 1', async () => {
    const directory = await copyOf({ 'data.json': '{"thresholds": {"approve": "high", "deny": 10}}' })
    expect((await policy('check', '--dir', directory, '--json')).code).toBe(1)
  })

  test('a directory that is not there exits with 3', async () => {
    expect(await policy('check', '--dir', join(example, 'nowhere'))).toMatchObject({ code: 3, stdout: expect.stringContaining('cannot be read') })
    expect(await policy('check', '--bundle', join(example, 'nowhere'))).toMatchObject({ code: 3 })
  })

  test('wrong use exits with 2', async () => {
    expect((await policy('check', '--directory', example)).code).toBe(2)
    expect((await policy('check', '--dir', example, '--bundle', 'x')).code).toBe(2)
    expect((await policy('build', '--dir', example)).code).toBe(2)
    expect((await policy('test', '--dir', example, '--threshold', '101')).code).toBe(2)
    expect((await policy('nothing')).code).toBe(2)
  })
})

describe('test', () => {
  test('tests that pass twice exit with 0, with coverage in the report', async () => {
    const ran = await policy('test', '--dir', example, '--threshold', '100', '--json')
    expect(ran.code).toBe(0)
    expect(json(ran)).toMatchObject({ ok: true, failed: 0, differing: 0, threshold: 100, coverage: { percent: 100, uncovered: [] } })
    expect(await policy('test', '--dir', example, '--verbose')).toMatchObject({ code: 0, stdout: expect.stringContaining('test_support_may: passed') })
  })

  test('a test that fails exits with 1', async () => {
    const directory = await copyOf({ 'policies/crm/more_test.rego': 'package policies.crm_test\n\ntest_more if {\n\tprint("here")\n\tfalse\n}\n' })
    const ran = await policy('test', '--dir', directory)
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/more_test\.rego:3: policies\.crm_test\.test_more: FAILED\n {2}printed: here\n/)
  })

  test('a difference between evaluator and host exits with 1 and says so', async () => {
    // The compiled module does not print integers of more than 64 bits.
    const text = 'package policies.crm_test\n\ntest_large if format_int(12345678901234567890, 16) == "ab54a98ceb1f0ad2"\n'
    const ran = await policy('test', '--dir', await copyOf({ 'policies/crm/more_test.rego': text }))
    expect(ran.code).toBe(1)
    expect(ran.stdout).toContain('DIFFERS')
  })

  test('a pattern that no test has exits with 1', async () => {
    expect(await policy('test', '--dir', example, '--run', 'test_nothing')).toMatchObject({ code: 1, stderr: 'no test has such a name\n' })
  })

  test('coverage below the threshold exits with 1 and names the lines', async () => {
    const ran = await policy('test', '--dir', example, '--run', 'test_risk', '--threshold', '100')
    expect(ran.code).toBe(1)
    expect(ran.stdout).toMatch(/not covered: policies\/crm\/crm\.rego: 7-9, 20-23\n/)
    expect(ran.stdout).toContain('coverage is below 100 %')
  })
})

describe('lint', () => {
  test('an error exits with 1, a warning with 0; both are told with their place and a remedy', async () => {
    const warning = 'package policies.more\n\ndeny contains {"code": "a"} if input.message.method == "tools/call"\n'
    const ran = await policy('lint', '--dir', await copyOf({ 'policies/crm/more.rego': warning }), '--json')
    expect(ran.code).toBe(0)
    expect(json(ran)).toMatchObject({ ok: true, problems: [], warnings: expect.arrayContaining([expect.objectContaining({ stage: 'lint', file: 'policies/crm/more.rego', row: 3, code: 'untitled' })]) })

    const directory = await copyOf({ 'policies/crm/more.rego': warning.replace('input.message.method == "tools/call"', 'input.actor.kind == "persn"') })
    expect(await policy('lint', '--dir', directory)).toMatchObject({ code: 1, stdout: expect.stringMatching(/error: policies\/crm\/more\.rego:3:\d+: input\.actor\.kind is never "persn".* \[unknown_value\]\n {2}→ /) })
    expect((await policy('lint', '--dir', await copyOf(broken))).code).toBe(1)
    expect((await policy('lint', '--dir', join(example, 'nowhere'))).code).toBe(3)
  })
})

describe('decision cases', () => {
  const caseOf = (kind: string): Record<string, string> => ({
    'cases.yaml': `- { name: a drop, who: sam, call: [crm, query, { sql: DROP TABLE x }], want: { kind: ${kind} } }\n`,
    'people.yaml': 'sam: { kind: person, groups: [support] }\n',
  })
  const folderOf = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const folder = await scratch()
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    return folder
  }

  test('are asked with the tests, and one that is decided otherwise exits with 1', async () => {
    const fine = await policy('test', '--dir', example, '--cases', await folderOf(caseOf('deny')), '--json')
    expect(fine.code).toBe(0)
    expect(json(fine)).toMatchObject({ ok: true, cases: { total: 1, failed: 0, runs: [{ name: 'a drop', ok: true, wanted: { kind: 'deny' }, got: { kind: 'deny' } }] } })
    const report = join(await scratch(), 'junit.xml')
    const wrong = await policy('test', '--dir', example, '--cases', await folderOf(caseOf('allow')), '--junit', report, '--threshold', '100')
    expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/cases\.yaml:1: a drop: FAILED\n {2}wanted {"kind":"allow"}\n {2}got {4}{"kind":"deny"}\n/) })
    const xml = await readFile(report, 'utf8')
    expect(xml).toMatch(/^<\?xml[^]*<testsuites name="sallyport policy" tests="\d+" failures="1" /)
    expect(xml).toMatch(/<testcase classname="[^"]*cases\.yaml" name="a drop" file="[^"]*cases\.yaml" line="1" time="[\d.]+"><failure message="wanted {&quot;kind&quot;:&quot;allow&quot;}">/)
    expect(xml).toContain('name="at least 100 %"')
  })

  test('that cannot be read exit with 1, and a directory that is not there with 3', async () => {
    expect((await policy('test', '--dir', example, '--cases', await folderOf({ 'a.yaml': '- name: x\n' }))).code).toBe(1)
    expect((await policy('test', '--dir', example, '--cases', join(example, 'nowhere'))).code).toBe(3)
  })
})

describe('junit', () => {
  test('a report is well-formed whatever a name holds, and is written where a command ends early too', async () => {
    const cases = [{ suite: 'a<b>', name: '"x" & \u0000\u001b[31m\n]]>', failure: '<failed>' }, { suite: 'a<b>', name: 'y', skipped: true }]
    expect(printJunit(cases)).toContain('<testcase classname="a&lt;b&gt;" name="&quot;x&quot; &amp; \\u0000\\u001b[31m&#10;]]&gt;" time="0.000000"><failure message="&lt;failed&gt;">&lt;failed&gt;</failure></testcase>')
    const report = join(await scratch(), 'junit.xml')
    expect((await policy('check', '--dir', await copyOf(broken), '--junit', report)).code).toBe(1)
    expect(await readFile(report, 'utf8')).toContain('name="rego_unsafe_var_error policies/crm/broken.rego:3"')
    expect((await policy('fmt', '--dir', await copyOf({ 'policies/crm/more.rego': 'package   policies.more\nallow:=true' }), '--junit', report)).code).toBe(1)
    expect(await readFile(report, 'utf8')).toContain('name="unformatted policies/crm/more.rego:1"')
  })
})

describe('eval', () => {
  const inputFile = async (text: string): Promise<string> => {
    const file = join(await scratch(), 'input.json')
    await writeFile(file, text)
    return file
  }

  test('the decision is printed as the gateway would take it', async () => {
    const ran = await policy('eval', '--dir', example, '--input', await inputFile(JSON.stringify(question)), '--json')
    expect(ran.code).toBe(0)
    expect(json(ran)).toMatchObject({
      kind: 'deny',
      reasons: [{ code: 'destructive_sql', rule: 'crm/deny/destructive_sql', title: 'Destructive SQL', remedy: 'Ask the database team.' }],
      bundle: expect.stringMatching(/^bnd_/),
    })
    expect(await policy('eval', '--dir', example, '--input', await inputFile(JSON.stringify(question)))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^deny\n {2}crm\/deny\/destructive_sql: DROP is not allowed here\n {4}→ Ask the database team\.\n/),
    })
  })

  test('a bundle decides as the directory that it was built from', async () => {
    const bundle = join(await scratch(), 'bundle.tar.gz')
    const built = await policy('build', '--dir', example, '-o', bundle, '--json')
    expect(built.code).toBe(0)
    const { digest } = json(built) as { digest: string }
    const input = await inputFile(JSON.stringify({ ...question, actor: { ...question.actor, groups: ['sales'] } }))
    const ran = await policy('eval', '--bundle', bundle, '--input', input, '--json')
    expect(json(ran)).toMatchObject({ kind: 'deny', reasons: [{ code: 'not_allowed' }], bundle: digest })
  })

  test('roles of the admin API are told of who asks and when', async () => {
    const roles = await copyOf({ 'policies/people/people.rego': 'package policies.people\n\nroles contains "reviewer" if "oncall" in input.actor.groups\n' })
    const as = (groups: readonly string[]) => inputFile(JSON.stringify({ actor: { kind: 'person', subject: 'r', issuer: 'i', provider: 'p', groups, groups_known: true, claims: {} }, now: '2026-01-01T00:00:00.000Z' }))
    expect(json(await policy('eval', '--roles', '--dir', roles, '--input', await as(['oncall']), '--json'))).toEqual({ roles: ['reviewer'] })
    expect(await policy('eval', '--roles', '--dir', roles, '--input', await as(['support']))).toMatchObject({ code: 0, stdout: 'no role\n' })
    expect((await policy('eval', '--roles', '--dir', roles, '--input', await inputFile('{}'))).code).toBe(2)
  })

  test('an input that is no JSON object exits with 2, a policy that is broken with 1', async () => {
    expect((await policy('eval', '--dir', example, '--input', await inputFile('[1'))).code).toBe(2)
    expect((await policy('eval', '--dir', await copyOf(broken), '--input', await inputFile('{}'))).code).toBe(1)
  })
})

describe('fmt', () => {
  test('names what is not formatted and exits with 1, writes it when asked to', async () => {
    const directory = await copyOf({ 'policies/crm/more.rego': 'package   policies.more\nallow:=true' })
    expect(await policy('fmt', '--dir', directory)).toMatchObject({ code: 1, stdout: 'policies/crm/more.rego\n' })
    expect(json(await policy('fmt', '--dir', directory, '--json'))).toEqual({ ok: false, changed: ['policies/crm/more.rego'] })
    expect((await policy('fmt', '--dir', directory, '--write')).code).toBe(0)
    expect(await readFile(join(directory, 'policies/crm/more.rego'), 'utf8')).toBe('package policies.more\n\nallow := true\n')
    expect((await policy('fmt', '--dir', directory)).code).toBe(0)
  })
})

describe('library', () => {
  test('is written beside policies, which stay as fine as they were', async () => {
    const directory = await copyOf({})
    const ran = await policy('library', '--out', directory, '--json')
    expect(json(ran)).toMatchObject({ ok: true, files: expect.arrayContaining(['sallyport/sallyport.rego']) })
    const checked = json(await policy('check', '--dir', directory, '--json'))
    expect(checked).toEqual({ ...(json(await policy('check', '--dir', example, '--json')) as object), stages: expect.anything() })
  })
})

test('the command itself runs, prints and exits so', () => {
  const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
  const ran = spawnSync(process.execPath, [main, 'policy', 'check', '--dir', example, '--json'], { encoding: 'utf8' })
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true })
})
