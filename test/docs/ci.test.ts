import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeyPairSync } from 'node:crypto'
import { parse } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (name: string): string => readFileSync(join(root, 'docs/ci', name), 'utf8')

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Job {
  readonly stage?: string
  readonly script?: readonly string[]
  readonly before_script?: readonly string[]
}
const workflow = parse(read('github-actions.yml')) as { readonly jobs: { readonly policies: { readonly env: Record<string, string>; readonly steps: readonly Step[] } } }
const gitlab = parse(read('gitlab-ci.yml'), { merge: true }) as Record<string, unknown>
const jobs = Object.entries(gitlab).filter(([name]) => !['default', 'variables', 'stages'].includes(name) && !name.startsWith('.')) as [string, Job][]

/** A repository of policies, with a change on top of its main branch, and Sallyport beside it. */
const directory = mkdtempSync(join(tmpdir(), 'sallyport-ci-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const { privateKey } = generateKeyPairSync('ed25519')
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false', ...args], { cwd: directory, encoding: 'utf8', env: { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null' } }).trim()
const policy = (group: string): string => `package policies.crm\n\n# METADATA\n# title: Who works with customers\nallow if {\n\tinput.upstream.name == "crm"\n\t"${group}" in input.actor.groups\n}\n`
const test_ = 'package policies.crm_test\n\nimport data.policies.crm\n\ntest_support if crm.allow with input as {"upstream": {"name": "crm"}, "actor": {"groups": ["support"]}}\n'
let base = ''
beforeAll(() => {
  mkdirSync(join(directory, 'rego/policies/crm'), { recursive: true })
  writeFileSync(join(directory, 'rego/policies/crm/crm.rego'), policy('sales'))
  writeFileSync(join(directory, 'rego/policies/crm/crm_test.rego'), test_)
  writeFileSync(join(directory, '.gitignore'), '.sallyport\n')
  git('init', '--quiet', '--initial-branch', 'main')
  git('add', '.')
  git('commit', '--quiet', '-m', 'policies')
  base = git('rev-parse', 'HEAD')
  writeFileSync(join(directory, 'rego/policies/crm/crm.rego'), policy('support'))
  writeFileSync(join(directory, 'key.pem'), key, { mode: 0o600 })
  symlinkSync(root, join(directory, '.sallyport'))
})

const run = (command: string, env: Readonly<Record<string, string>>): { readonly status: number | null; readonly text: string } => {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', command], { cwd: directory, encoding: 'utf8', env: { PATH: process.env['PATH'], ...env } })
  return { status, text: `${command}\n${stdout}${stderr}` }
}
/** What installs is the host's; here it stands beside. */
const isOurs = (command: string): boolean => command.includes('"$SALLYPORT"')

test('the workflow is one that GitHub reads', () => {
  // In a process of its own: the library's modules are not made for the one of these tests.
  const program = `
    import { readFileSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    registerHooks({ load: (url, context, next) => next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context) })
    const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import('@actions/workflow-parser')
    const parsed = parseWorkflow({ name: 'policies.yml', content: readFileSync(process.argv[1], 'utf8') }, new NoOperationTraceWriter())
    const template = await convertWorkflowTemplate(parsed.context, parsed.value)
    process.stdout.write(JSON.stringify({ errors: [...parsed.context.errors.getErrors().map(({ message }) => message), ...(template.errors ?? []).map(({ Message }) => Message)], steps: template.jobs?.[0]?.steps?.length ?? 0 }))`
  const look = (file: string): { errors: readonly string[]; steps: number } => JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program, file], { cwd: root, encoding: 'utf8' })) as { errors: readonly string[]; steps: number }
  expect(look(join(root, 'docs/ci/github-actions.yml'))).toEqual({ errors: [], steps: workflow.jobs.policies.steps.length })
  const broken = join(directory, 'broken.yml')
  writeFileSync(broken, read('github-actions.yml').replace('runs-on:', 'runs_on:'))
  expect(look(broken).errors).not.toEqual([])
})

test('the file for GitLab names stages, keys and places that it knows', () => {
  const known = ['stage', 'script', 'before_script', 'artifacts', 'rules']
  expect(jobs.map(([name]) => name)).toEqual(['policies', 'change', 'bundle'])
  for (const [, job] of jobs) {
    expect(gitlab['stages']).toContain(job.stage)
    expect(Object.keys(job).filter((key) => !known.includes(key))).toEqual([])
    for (const line of [...(job.script ?? []), ...(job.before_script ?? [])]) expect(typeof line).toBe('string')
  }
})

test('the commands of the workflow do what they say, in its order', () => {
  const { env, steps } = workflow.jobs.policies
  const commands = steps.flatMap(({ run: command }) => (command !== undefined && isOurs(command) ? [command] : []))
  expect(commands.map((command) => /policy (\w+)/.exec(command)?.[1])).toEqual(['check', 'lint', 'fmt', 'test', 'diff', 'build', 'sign'])
  const summary = join(directory, 'summary.md')
  for (const command of commands) expect(run(command, { ...env, BASE: base, GITHUB_STEP_SUMMARY: summary, POLICY_SIGNING_KEY: key })).toMatchObject({ status: 0 })
  for (const name of ['check', 'lint', 'fmt', 'test']) expect(readFileSync(join(directory, `reports/${name}.xml`), 'utf8')).toContain('failures="0"')
  expect(readFileSync(summary, 'utf8')).toContain('crm')
  expect(existsSync(join(directory, 'bundle.tar.gz'))).toBe(true)
})

test('the commands for GitLab are the same, and one that fails ends the job', () => {
  const ours = jobs.flatMap(([, { script = [] }]) => script)
  const theirs = workflow.jobs.policies.steps.flatMap(({ run: command }) => (command !== undefined && isOurs(command) ? [command] : []))
  const asOne = (command: string): string => command.replace(/ "\$(?:BASE|CI_MERGE_REQUEST_DIFF_BASE_SHA)"/, ' BASE').replace(/ >>? .*$/, '').replace(/ --key(?:-env \w+| "\$\w+")$/, ' KEY')
  expect(ours.map(asOne)).toEqual(theirs.map(asOne))
  const sign = ours.find((command) => command.includes('policy sign')) ?? ''
  expect(run(sign, { ...(gitlab['variables'] as Record<string, string>), POLICY_SIGNING_KEY: 'key.pem' })).toMatchObject({ status: 0 })

  const broken = join(directory, 'broken')
  cpSync(join(directory, 'rego'), broken, { recursive: true })
  writeFileSync(join(broken, 'policies/crm/crm.rego'), policy('sales'))
  expect(run((ours.find((command) => command.includes('policy test')) ?? '').replace('--dir rego', '--dir broken'), { SALLYPORT: '.sallyport/src/cli/main.ts' })).toMatchObject({ status: 1 })
  expect(readFileSync(join(directory, 'reports/test.xml'), 'utf8')).toContain('failures="2"')
})
