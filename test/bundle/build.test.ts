import { buildBundle, digestOf } from '../../src/bundle/build.ts'
import { packBundle, unpackBundle } from '../../src/bundle/trust/bundle-file.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import type { Sources } from '../../src/bundle/source/sources.ts'
import { testBundle } from '../../src/bundle/test.ts'
import { capabilitiesWithout, example } from './support.ts'

const opa = createOpa()
afterAll(() => opa.close())
const options = async (): Promise<Parameters<typeof buildBundle>[1]> => ({ opa, capabilities: await opa.capabilities(), detectors: ['email'] })
const exampleSources = async (): Promise<Sources> => {
  const read = await readDirectory(example)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.sources
}
const withModule = (sources: Sources, path: string, text: string): Sources => ({ ...sources, own: [...sources.own, path], modules: { ...sources.modules, [path]: text } })

test('a bundle has everything that judging needs', async () => {
  const built = await buildBundle(await exampleSources(), await options())
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const { bundle, stages } = built
  expect(stages.map(({ name, ok }) => [name, ok])).toEqual([['check', true], ['semantics', true], ['build', true]])
  expect(bundle.digest).toMatch(/^bnd_[0-9a-f]{32}$/)
  expect(bundle).toMatchObject({ entrypoint: 'sallyport/decision', reads_groups: true })
  expect(bundle.data).toEqual({ limits: { points: 40 }, sallyport_build: { reads_groups: true, roles_read_groups: false, detectors: ['email'], varying: { deny: ['crm'] } } })
  expect(bundle.recall?.varying).toEqual(['/message/call/arguments', '/message/call/name', '/message/direction', '/request/call/arguments'])
  expect(bundle.recall?.settled).toEqual(expect.arrayContaining(['/actor/groups', '/approval/met', '/message/call/name', '/upstream/name']))
  expect(bundle.rules['crm/deny/destructive_sql']).toEqual({
    title: 'Destructive SQL',
    description: 'DROP loses a table.',
    remedy: 'Ask the database team.',
    link: 'https://wiki.example/sql',
    severity: 'high',
  })
  expect(bundle.rules['crm/allow']).toEqual({ title: 'Support uses the CRM' })
  expect(WebAssembly.validate(bundle.wasm)).toBe(true)
})

test('the digest names policies, library and data, and no test', async () => {
  const sources = await exampleSources()
  const digest = digestOf(sources)
  expect(digestOf({ ...sources, data: { limits: { points: 41 } } })).not.toBe(digest)
  expect(digestOf(withModule(sources, 'sallyport/more.rego', 'package sallyport.more'))).not.toBe(digest)
  expect(digestOf(withModule(sources, 'policies/crm/more_test.rego', 'package policies.crm_test'))).toBe(digest)
  expect(digestOf({ ...sources, data: { b: 1, a: { d: 1, c: 2 } } })).toBe(digestOf({ ...sources, data: { a: { c: 2, d: 1 }, b: 1 } }))
})

test('nothing is built of what does not pass the check', async () => {
  const sources = withModule(await exampleSources(), 'policies/bad/bad.rego', 'package policies.bad\n\nallow if y\n')
  const built = await buildBundle(sources, await options())
  expect(built).toMatchObject({ ok: false, problems: [{ stage: 'check', file: 'policies/bad/bad.rego', row: 3 }], stages: [{ name: 'check', ok: false }] })
})

describe('a function among the rules that a reference goes through', () => {
  const other = 'package policies.other\n\nf(x) := x + 1\n\none := f(input.session.calls)\n'
  const build = async (condition: string) => {
    const sources = withModule(await exampleSources(), 'policies/other/other.rego', other)
    return buildBundle(withModule(sources, 'policies/a/a.rego', `package policies.a\n\ndeny contains {"code": "a"} if {\n\t${condition}\n}\n`), await options())
  }

  test.each(['data.policies.other[_] == 1', 'some name, value in data.policies.other\n\tvalue == name', 'every name in ["one"] {\n\t\tsome other\n\t\tdata.policies.other[other] == name\n\t}', 'count([value | value := data.policies.other[_]]) > 0'])('%j is an error of the check, since no engine takes the module', async (condition) => {
    expect(await build(condition)).toMatchObject({ ok: false, problems: [{ stage: 'check', code: 'function_key', file: 'policies/a/a.rego', remedy: expect.any(String) }] })
  })

  test.each(['some name in ["one"]\n\tdata.policies.other[name] == 1', 'every name in ["one"] {\n\t\tdata.policies.other[name] == 1\n\t}', 'data.policies.other[input.actor.kind] == 1', 'data.policies.other != {}'])('%j only looks up, and the module runs', async (condition) => {
    const built = await build(condition)
    expect(built).toMatchObject({ ok: true })
    expect(built.ok && WebAssembly.validate(built.bundle.wasm)).toBe(true)
  })
})

test('a builtin that the host does not run is an error of the check', async () => {
  const text = 'package policies.bad\n\nallow if time.now_ns() > 1\n'
  const capabilities = await capabilitiesWithout(opa, 'time.now_ns')
  const built = await buildBundle(withModule(await exampleSources(), 'policies/bad/bad.rego', text), { ...(await options()), capabilities })
  expect(built).toMatchObject({ ok: false, problems: [{ stage: 'check', code: 'forbidden_builtin', row: 3 }] })
})

test('an error in a test keeps a bundle from being built, but no test is in it', async () => {
  const sources = await exampleSources()
  const plain = await buildBundle(sources, await options())
  const more = await buildBundle(withModule(sources, 'policies/crm/more_test.rego', 'package policies.crm_test\n\ntest_more if true\n'), await options())
  expect(more.ok && plain.ok && Buffer.compare(more.bundle.wasm, plain.bundle.wasm)).toBe(0)
  const broken = await buildBundle(withModule(sources, 'policies/crm/more_test.rego', 'package policies.crm_test\n\ntest_more if y\n'), await options())
  expect(broken).toMatchObject({ ok: false, problems: [{ file: 'policies/crm/more_test.rego' }] })
})

test('a bundle file is built again from its sources to the same digest', async () => {
  const sources = await exampleSources()
  const built = await buildBundle({ ...sources, commit: 'abc123' }, await options())
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  const bytes = await packBundle({ ...sources, commit: 'abc123' }, built.bundle)
  expect(Buffer.compare(bytes, await packBundle({ ...sources, commit: 'abc123' }, built.bundle))).toBe(0)
  const read = await unpackBundle(bytes)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  expect(read.warnings).toEqual([])
  expect(read.sources.commit).toBe('abc123')
  const again = await buildBundle(read.sources, await options())
  expect(again.ok && again.bundle.digest).toBe(built.bundle.digest)
})

describe('tests run twice', () => {
  test('and both agree', async () => {
    const tested = await testBundle(await exampleSources(), await options())
    expect(tested).toMatchObject({ ok: true, report: { failed: 0, differing: 0, coverage: { percent: 100, uncovered: [] } } })
    expect(tested.ok && tested.report.tests.map(({ name, outcome, host }) => [name, outcome, host])).toEqual([
      ['test_support_may', 'pass', 'pass'],
      ['test_others_may_not', 'pass', 'pass'],
      ['test_drop', 'pass', 'pass'],
      ['test_risk', 'pass', 'pass'],
    ])
  })

  test('a difference between evaluator and host is a failure', async () => {
    // The compiled module does not print integers of more than 64 bits.
    const text = 'package policies.crm_test\n\ntest_large if format_int(12345678901234567890, 16) == "ab54a98ceb1f0ad2"\n'
    const tested = await testBundle(withModule(await exampleSources(), 'policies/crm/more_test.rego', text), { ...(await options()), filter: 'test_large' })
    expect(tested).toMatchObject({ ok: true, report: { failed: 1, differing: 1, tests: [{ name: 'test_large', outcome: 'pass', host: 'error' }] } })
  })

  test('a case that fails fails on both, and lines that no test reaches are named', async () => {
    const text = 'package policies.crm_test\n\ntest_sql[n] if {\n\tsome n, sql in {"a": "DROP x", "b": "SELECT"}\n\tcount(data.policies.crm.deny) == 1 with input.message as query(sql)\n}\n'
    const tested = await testBundle(withModule(await exampleSources(), 'policies/crm/more_test.rego', text), { ...(await options()), filter: 'test_sql' })
    expect(tested).toMatchObject({ ok: true, report: { failed: 1, differing: 0, tests: [{ outcome: 'fail', host: 'fail', cases: { a: true, b: false } }] } })
    const file = tested.ok ? tested.report.coverage?.uncovered.find(({ file }) => file === 'policies/crm/crm.rego') : undefined
    expect(file?.lines).toEqual(expect.arrayContaining([7, 8]))
    expect(file?.coverage).toBeLessThan(100)
  })

  test('two tests of one name cannot be told apart in the host, and are a problem', async () => {
    const text = 'package policies.crm_test\n\ntest_risk if true\n'
    const tested = await testBundle(withModule(await exampleSources(), 'policies/crm/more_test.rego', text), await options())
    expect(tested).toMatchObject({ ok: false, problems: [{ stage: 'test', code: 'test_twice' }] })
  })
})
