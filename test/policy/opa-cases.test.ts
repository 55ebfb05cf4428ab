import { readFileSync } from 'node:fs'
import { readCases, type OpaCase } from '../../scripts/opa-cases/case.ts'
import { judge, type Judged } from '../../scripts/opa-cases/judge.ts'
import { openCompiler } from './support.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const capabilities = json('../../src/policy/capabilities.json')
const { listed } = json('opa-cases/listed.json') as { readonly listed: readonly { readonly reason: string; readonly cases: readonly string[] }[] }

async function judged(...cases: readonly Partial<OpaCase>[]): Promise<readonly Judged['kind'][]> {
  const whole = cases.map((one): OpaCase => ({ name: '', query: 'data.test.p = x', modules: [], ...one }))
  const builds = await compiler.opa.cases(whole, capabilities)
  const outcomes = await Promise.all(whole.map((one, index) => judge(one, builds[index] ?? { ok: false, error: 'not built' })))
  return outcomes.map(({ kind }) => kind)
}

test('every listed case is one of OPA\'s, once, with a reason', () => {
  const names = readCases().map(({ name }) => name)
  const all = listed.flatMap(({ cases }) => cases)
  expect(new Set(names).size).toBe(names.length)
  expect(new Set(all).size).toBe(all.length)
  expect(all.filter((name) => !names.includes(name))).toEqual([])
  expect(listed.filter(({ reason }) => reason === '')).toEqual([])
})

test('an answer is right, wrong, refused or a fault', async () => {
  const modules = ['package test\n\np := {x | some x in input.s}\n']
  expect(
    await judged(
      { modules, input_term: '{"s": {2, 1}}', want_result: [{ x: [1, 2] }] },
      { modules, input_term: '{"s": {2, 1}}', want_result: [{ x: [1, 3] }] },
      { modules: ['package test\n\np := 9007199254740993\n'], want_result: [{ x: JSON.rawJSON('9007199254740993') }] },
      { modules: ['package test\n\np := 9007199254740993\n'], want_result: [{ x: JSON.rawJSON('9007199254740992') }] },
      { modules: ['package test\n\np := time.now_ns()\n'], want_result: [] },
      { modules: ['package test\n\np := io.jwt.encode_sign({"alg": "ES256"}, {}, {"kty": "oct", "k": "YQ"})\n'], want_result: [] },
      { modules: ['package test\n\np := 1\n\np := 2\n'], want_error_code: 'eval_conflict_error' },
      { modules: ['package test\n\np := 1 / 0\n'], want_error_code: 'eval_builtin_error', strict_error: true },
      { modules: ['package test\n\np := 1\n'], want_error_code: 'eval_conflict_error' },
    ),
  ).toEqual(['pass', 'wrong', 'pass', 'wrong', 'refused', 'fault', 'pass', 'pass', 'wrong'])
})

test('a member of data that is named by a number is refused at build, since the module would not find it', async () => {
  const modules = ['package test\n\np := data.rows[2]\n']
  expect(await judged({ modules, data: { rows: { 2: 'a' } } }, { modules, data: { rows: ['a', 'b', 'c'] }, want_result: [{ x: 'c' }] })).toEqual(['refused', 'pass'])
  const problems = await compiler.opa.check({ modules: { 'a.rego': 'package policies.a\n\nallow if data.rows[2]\n' }, data: { rows: { 2: true } } })
  expect(problems).toMatchObject([{ code: 'number_key', file: 'a.rego', row: 3 }])
})
