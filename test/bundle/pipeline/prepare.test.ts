import { join } from 'node:path'
import { judgeCases } from '../../../src/bundle/cases/judge.ts'
import { readCases } from '../../../src/bundle/cases/read.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { createPipeline } from '../../../src/bundle/pipeline/activate.ts'
import type { PipelineOptions, Run } from '../../../src/bundle/pipeline/activate.ts'
import { createDirectorySource } from '../../../src/bundle/source/directory.ts'
import type { Logger } from '../../../src/model.ts'
import type { BuiltBundle } from '../../../src/policy/bundle.ts'
import { createPolicyEngine } from '../../../src/policy/engine.ts'
import { directoryOf } from '../support.ts'

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const opa = createOpa({ processes: 2 })
const options = { opa, ...(await readBuildOptions()) }
afterAll(() => opa.close())

const policy = 'package policies.crm\n\nallow if {\n\tinput.upstream.name == "crm"\n\t"support" in input.actor.groups\n}\n'
const testOf = (body: string): string => `package policies.crm_test\n\nimport data.policies.crm\n\ntest_allow if ${body}\n`
const allowed = 'crm.allow with input as {"upstream": {"name": "crm"}, "actor": {"groups": ["support"]}}'
const people = 'sam: { kind: person, groups: [support] }\n'
const caseOf = (want: string): string => `- name: sam asks\n  who: sam\n  call: [crm, query, {}]\n  want: ${want}\n`

interface Outcome {
  readonly run: Run
  readonly stages: string
  readonly activated: readonly BuiltBundle[]
}
const runOf = async (files: Readonly<Record<string, string>>, more: Partial<PipelineOptions> = {}): Promise<Outcome> => {
  const root = await directoryOf(files)
  const engine = createPolicyEngine({ detectors: options.detectors, logger: quiet, threads: 1 })
  const activated: BuiltBundle[] = []
  const activate = async (bundle: BuiltBundle): Promise<void> => {
    await engine.activate(bundle)
    activated.push(bundle)
  }
  const pipeline = createPipeline({ ...options, source: { read: () => createDirectorySource(root).read() }, engine: { activate }, logger: quiet, clock: Date.now, ...more })
  const run = await pipeline.run()
  await pipeline.close()
  await engine.close()
  return { run, activated, stages: run.stages.map(({ name, ok }) => (ok ? name : `${name}!`)).join(' ') }
}

test('what passes every stage is active, and is warmed with its cases', async () => {
  const { run, stages, activated } = await runOf({ 'policies/crm/crm.rego': policy, 'policies/crm/crm_test.rego': testOf(allowed), 'cases/people.yaml': people, 'cases/all.yaml': caseOf('{ kind: allow }') }, { coverage: 100 })
  expect(run.problems).toEqual([])
  expect(stages).toBe('read check semantics lint fmt test build cases activate')
  expect(activated).toHaveLength(1)
  expect(activated[0]?.samples).toMatchObject([{ actor: { subject: 'sam' }, message: { method: 'tools/call' } }])
})

test('what lint calls an error stops the run, and says where and what to do', async () => {
  const { run, stages, activated } = await runOf({ 'policies/crm/crm.rego': `${policy}\ndeny contains {"code": "a", "message": "a"} if input.actor.kind == "persn"\n` })
  expect(stages).toBe('read check semantics lint!')
  expect(run.problems).toMatchObject([{ stage: 'lint', file: 'policies/crm/crm.rego', row: 8, code: 'unknown_value', remedy: expect.any(String) as string }])
  expect(run.error).toMatch(/^policies\/crm\/crm\.rego:8:\d+: /)
  expect(activated).toEqual([])
})

test('a warning of lint, and a file that is not formatted, are told and stop nothing', async () => {
  const { run, stages, activated } = await runOf({ 'policies/crm/crm.rego': `${policy}\n\n\ndeny contains {"code": "a"} if input.message.method   == "tools/call"\n` })
  expect(stages).toBe('read check semantics lint fmt build activate')
  expect(run.warnings).toMatchObject([{ stage: 'lint', code: 'untitled' }, { stage: 'fmt', file: 'policies/crm/crm.rego', code: 'unformatted', remedy: expect.stringContaining('fmt --write') as string }])
  expect(activated).toHaveLength(1)
})

test('a test that fails, in either evaluator, and too little coverage stop the run', async () => {
  const failing = await runOf({ 'policies/crm/crm.rego': policy, 'policies/crm/crm_test.rego': testOf(`not ${allowed}`) })
  expect(failing.stages).toBe('read check semantics lint fmt test!')
  expect(failing.run.problems).toMatchObject([{ stage: 'test', file: 'policies/crm/crm_test.rego', row: 5, code: 'test_failed' }])
  expect(failing.activated).toEqual([])

  const differing = await runOf({ 'policies/crm/crm.rego': policy, 'policies/crm/crm_test.rego': testOf('format_int(12345678901234567890, 16) == "ab54a98ceb1f0ad2"').replace('import data.policies.crm\n\n', '') })
  expect(differing.run.problems).toMatchObject([{ stage: 'test', code: 'test_differs' }])

  const source = { 'policies/crm/crm.rego': `${policy}\nallow_other if input.actor.kind == "agent"\n`, 'policies/crm/crm_test.rego': testOf(allowed) }
  expect((await runOf(source, { coverage: 100 })).run.problems).toMatchObject([{ stage: 'test', code: 'coverage', file: 'policies/crm/crm.rego', row: 8 }])
})

test('a case that is decided otherwise stops the run and shows both decisions', async () => {
  const { run, stages, activated } = await runOf({ 'policies/crm/crm.rego': policy, 'cases/people.yaml': people, 'cases/all.yaml': `${caseOf('{ kind: allow }')}${caseOf('{ kind: deny, reasons: [crm/deny/x] }')}` })
  expect(stages).toBe('read check semantics lint fmt build cases!')
  expect(run.problems).toMatchObject([{ stage: 'cases', file: 'cases/all.yaml', row: 5, code: 'case_failed', message: expect.stringMatching(/wanted .*deny.*\n.*got .*allow/) as string }])
  expect(activated).toEqual([])
})

test('cases of a directory of the configuration count too', async () => {
  const { run, stages } = await runOf({ 'policies/crm/crm.rego': policy }, { cases: await directoryOf({ 'people.yaml': people, 'all.yaml': caseOf('{ kind: deny }') }) })
  expect(stages).toBe('read check semantics lint fmt build cases!')
  expect(run.problems).toMatchObject([{ stage: 'cases', code: 'case_failed', file: expect.stringMatching(/\/all\.yaml$/) as string }])
})

test('no case that cannot be read is passed over', async () => {
  const refused = [
    [{ 'cases/all.yaml': caseOf('{ kind: allow }') }, 'case_who', 1],
    [{ 'cases/people.yaml': people, 'cases/all.yaml': `\n${caseOf('{ kind: perhaps }')}` }, 'case_shape', 5],
    [{ 'cases/people.yaml': people, 'cases/all.yaml': caseOf('{}') }, 'case_shape', 4],
    [{ 'cases/people.yaml': people, 'cases/all.yaml': '- {name: x, who: sam, want: {kind: allow}}\n' }, 'case_shape', 1],
    [{ 'cases/people.yaml': 'sam: { kind: person }\n', 'cases/all.yaml': '[]\n' }, 'case_shape', 1],
    [{ 'cases/all.yaml': '- name: "x\n' }, 'case_syntax', 2],
  ] as const
  for (const [files, code, row] of refused) expect(await readCases(files)).toMatchObject({ ok: false, problems: [{ stage: 'cases', code, file: expect.any(String) as string, row }] })
  expect(await readCases({}, await directoryOf({ 'readme.md': 'no cases' }))).toMatchObject({ ok: false, problems: [{ code: 'no_cases' }] })
  expect(await readCases({}, join(await directoryOf({}), 'nowhere'))).toMatchObject({ ok: false, problems: [{ code: 'unreadable' }] })
})

test('a case may bring the whole input', async () => {
  const input = { actor: { kind: 'person', groups: ['support'] }, upstream: { name: 'crm' }, message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-11-25', call: { kind: 'tool', name: 'x', arguments: {} }, body: {} } }
  const one = (kind: string): string => JSON.stringify([{ name: 'raw', input: { ...input, actor: { groups_known: true, ...input.actor }, now: '2026-01-01T00:00:00.000Z' }, want: { kind } }])
  const cases = await readCases({ 'cases/raw.json': one('allow'), 'cases/wrong.json': one('deny') })
  const { activated: [bundle] } = await runOf({ 'policies/crm/crm.rego': policy })
  if (!cases.ok || bundle === undefined) throw new Error('there is nothing to judge')
  expect((await judgeCases(bundle, cases.cases, options.detectors)).problems).toMatchObject([{ code: 'case_failed', file: 'cases/wrong.json' }])
})

test('a source with more mistakes than anybody reads is told by some of them, in a status that stays small', async () => {
  const helpers = Array.from({ length: 400 }, (_, at) => `helper_${at} if input.actor.kind == "person"\n`).join('\n')
  const { run } = await runOf({ 'policies/crm/crm.rego': `${policy}\n${helpers}` })
  expect(run.problems.length).toBeGreaterThan(10)
  expect(run.problems.length).toBeLessThanOrEqual(101)
  expect(run.problems.at(-1)).toMatchObject({ code: 'more', message: expect.stringMatching(/^and \d+ more$/) as string })

  const long = await runOf({ 'policies/crm/crm.rego': policy, 'cases/people.yaml': people, 'cases/all.yaml': caseOf('{ kind: deny }').replace('sam asks', 'x'.repeat(100_000)) })
  expect(JSON.stringify(long.run).length).toBeLessThan(20_000)
})

test('while many cases are judged, everything else of the process goes on', async () => {
  const { activated: [bundle] } = await runOf({ 'policies/crm/crm.rego': policy })
  const cases = await readCases({ 'cases/people.yaml': people, 'cases/all.yaml': caseOf('{ kind: allow }').repeat(3_000) })
  if (bundle === undefined || !cases.ok) throw new Error('both are sound')
  let [turns, isOver] = [0, false]
  const turn = (): void => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  turn()
  const asked: number[] = []
  const seen = cases.cases.map(({ question, ...rest }) => ({ ...rest, get question() { return asked.push(turns), question } }))
  const { runs, problems } = await judgeCases(bundle, seen, options.detectors)
  isOver = true
  expect([problems, runs.length]).toEqual([[], 3_000])
  expect(new Set(asked).size).toBeGreaterThan(2)
})
