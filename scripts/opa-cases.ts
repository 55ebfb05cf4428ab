/**
 * Runs OPA's own evaluation cases in the host that judges, each compiled by the OPA that builds bundles.
 *   node scripts/opa-cases.ts                what passes, what is listed, what is wrong
 *   node scripts/opa-cases.ts --json         `{total, passed, listed, wrong}`
 *   node scripts/opa-cases.ts --only TEXT    the cases whose name holds the text, and what each gave
 *   node scripts/opa-cases.ts --all          with all of OPA's builtins allowed, so that those that are not here show as faults
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readCases } from './opa-cases/case.ts'
import { runCases } from './opa-cases/run.ts'

interface Listed {
  /** At least as many pass. */
  readonly passed: number
  /** The others by reason: what a case needs that is not offered, and how that shows. */
  readonly listed: readonly { readonly reason: string; readonly shows: 'refused' | 'fault'; readonly cases: readonly string[] }[]
}

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false }, only: { type: 'string' }, all: { type: 'boolean', default: false } } })
const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const { passed: pinned, listed } = read('../test/policy/opa-cases/listed.json') as Listed
const expected = new Map(listed.flatMap(({ shows, cases }) => cases.map((name) => [name, shows] as const)))

const cases = readCases().filter(({ name }) => name.includes(options.only ?? ''))
const outcomes = await runCases(cases, options.all ? undefined : read('../src/policy/capabilities.json'))

const passed = [...outcomes.values()].filter(({ kind }) => kind === 'pass').length
// A listed case that passes is no longer listed for a reason; one that shows otherwise is not what the list says.
const wrong = [...outcomes].filter(([name, { kind }]) => kind !== (expected.get(name) ?? 'pass'))
const unknown = options.only === undefined ? [...expected.keys()].filter((name) => !outcomes.has(name)) : []

if (options.json) {
  console.log(JSON.stringify({ total: cases.length, passed, listed: expected.size, wrong: wrong.length + unknown.length }))
} else {
  for (const [name, { kind, detail }] of wrong) console.log(`${name}: ${kind}${detail === '' ? '' : `: ${detail}`}`)
  for (const name of unknown) console.log(`${name}: listed, but there is no such case`)
  console.log(`${cases.length} cases, ${passed} passed, ${expected.size} listed, ${wrong.length + unknown.length} wrong`)
}
const tooFew = options.only === undefined && passed < pinned
process.exitCode = wrong.length + unknown.length > 0 || tooFew ? 1 : 0
