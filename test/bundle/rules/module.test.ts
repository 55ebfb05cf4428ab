import { createOpa } from '../../../src/bundle/opa.ts'
import { readFileSync } from 'node:fs'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { dataOf } from '../../../src/bundle/rules/indexed.ts'
import { readRules, readRulesModules } from '../../../src/bundle/rules/read-rules.ts'
import { readLibrary } from '../../../src/bundle/source/read-directory.ts'
import { testBundle } from '../../../src/bundle/test.ts'

const opa = createOpa()
afterAll(() => opa.close())

/** Rules that use every word of the language. */
const everyWord = readFileSync(new URL('every-word.rules.yaml', import.meta.url), 'utf8')

test('the module that asks rules.yaml passes its own tests on both evaluators, and they reach every line of it', async () => {
  const options = { opa, ...(await readBuildOptions()) }
  const own = await readRulesModules()
  const library = await readLibrary()
  const sources = { modules: { ...own, ...library }, library: Object.keys(library), own: Object.keys(own), data: {}, schemas: {}, data_files: {}, cases: {}, revision: 'test' }
  const tested = await testBundle(sources, options)
  if (!tested.ok) throw new Error(JSON.stringify(tested.problems, null, 1))
  const { tests, failed, coverage } = tested.report
  expect(tests.filter(({ outcome, host }) => outcome !== 'pass' || host !== 'pass').map(({ name, outcome, host, cases, error, host_error }) => ({ name, outcome, host, cases, error, host_error }))).toEqual([])
  expect(failed).toBe(0)
  expect(tests.length).toBeGreaterThan(15)
  expect(coverage).toEqual({ percent: 100, uncovered: [] })
})

test('as a policy of a source the module would be refused for nothing but verdicts that data holds', async () => {
  const library = await readLibrary()
  const modules = Object.entries(await readRulesModules()).filter(([path]) => !path.endsWith('_test.rego')).map(([path, text]) => [path, text.replace(/^package policies\.rules$/m, 'package policies.copy')])
  const { compiled } = readRules([['rules.yaml', everyWord]])
  if (compiled === undefined) throw new Error('no rules')
  const found = await opa.semantics({ ...(await readBuildOptions()), modules: { ...library, ...Object.fromEntries(modules) }, data: { rules: dataOf(compiled) }, library: Object.keys(library), strict: true })
  const codes = new Set(found.map(({ code }) => code))
  // Nothing that `allow` is asked without, no helper the wrong way round, no rule that nothing reaches. What may be silent is the tests' business.
  expect([...codes].sort()).toEqual(['silent', 'verdict_type'])
})
