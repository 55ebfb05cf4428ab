/** @opa own */
import { jest } from '@jest/globals'
import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import type { Sources } from '../../src/bundle/source/sources.ts'
import { testBundle } from '../../src/bundle/test.ts'

jest.setTimeout(240_000)

const policy = 'package policies.crm\n\nallow if input.actor.kind == "person"\n'
const sourceOf = async (files: Readonly<Record<string, string>>): Promise<Sources> => {
  const read = await sourcesOf(new Map(Object.entries({ 'policies/crm/crm.rego': policy, ...files })), { revision: 'r' })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.sources
}
const tests = (...bodies: readonly string[]): string => `package policies.crm_test\n\n${bodies.map((body, at) => `test_${at} if {\n\t${body}\n}\n`).join('\n')}`
const slow = (size: number): string => `r := numbers.range(1, ${size})\n\tcount([1 | some i in r; some j in r; i * j == -1]) == 0`
const build = await readBuildOptions()

test('tests hold up nothing else of the process that has them run', async () => {
  const opa = createOpa()
  try {
    const count = 20
    const source = await sourceOf({ 'policies/crm/crm_test.rego': tests(...Array.from({ length: count }, () => slow(60))) })
    let [turns, isOver] = [0, false]
    const turn = (): void => {
      turns += 1
      if (!isOver) setImmediate(turn)
    }
    turn()
    const before = process.cpuUsage()
    const tested = await testBundle(source, { ...build, opa, coverage: false })
    isOver = true
    const spent = process.cpuUsage(before).user / turns
    expect(tested.ok && tested.report.tests.map(({ outcome, host }) => [outcome, host])).toEqual(Array.from({ length: count }, () => ['pass', 'pass']))
    // Were they run here, there would be little more than one turn for each, and its time would be spent here.
    expect(turns).toBeGreaterThan(count * 50)
    expect(spent).toBeLessThan((tested.ok ? tested.report.tests.reduce((sum, { micros }) => sum + micros, 0) / count : 0) / 10)
  } finally {
    await opa.close()
  }
})

describe('a test that gives no answer is named', () => {
  const file = 'policies/crm/crm_test.rego'
  const named = { ok: false, problems: [{ stage: 'test', file, row: 7, code: 'no_answer', message: expect.stringMatching(/^policies\.crm_test\.test_1 /) as string, remedy: expect.any(String) as string }] }

  test('where it goes on for ever', async () => {
    const patient = createOpa()
    const began = performance.now()
    await testBundle(await sourceOf({ [file]: tests('true', 'true') }), { ...build, opa: patient, coverage: false })
    const usual = performance.now() - began
    await patient.close()
    const opa = createOpa({ timeout: Math.max(4_000, usual * 3) })
    try {
      expect(await testBundle(await sourceOf({ [file]: tests('true', slow(1_000_000), 'true') }), { ...build, opa, coverage: false })).toMatchObject(named)
    } finally {
      await opa.close()
    }
  })

  test('where it takes all memory', async () => {
    const opa = createOpa({ memory: 256 * 1024 ** 2 })
    try {
      expect(await testBundle(await sourceOf({ [file]: tests('true', 'count(numbers.range(1, 10000000)) > 0', 'true') }), { ...build, opa, coverage: false })).toMatchObject(named)
    } finally {
      await opa.close()
    }
  })
})

test('a file about which the compiler gives no answer is named', async () => {
  const opa = createOpa()
  try {
    const large = `package policies.large\n\nallow if {\n\tx := {${Array.from({ length: 4_000 }, (_, at) => `"k${at}": input.actor.kind`).join(', ')}}\n\tx.k1 == "person"\n}\n`
    const source = await sourceOf({ 'policies/large/large.rego': large, 'policies/other/other.rego': policy.replace('crm', 'other') })
    expect(await buildBundle(source, { ...build, opa, review: true })).toMatchObject({ ok: false, problems: [{ stage: 'check', file: 'policies/large/large.rego', code: 'no_answer', remedy: expect.any(String) as string }] })
    expect(await buildBundle(await sourceOf({}), { ...build, opa, review: true })).toMatchObject({ ok: true })
  } finally {
    await opa.close()
  }
})
