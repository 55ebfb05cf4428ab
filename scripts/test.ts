// The whole test command: what it needs from outside, types, the committed OPA module, every suite, OPA's own cases, the shipped policies, conformance.
//   node scripts/test.ts            everything
//   node scripts/test.ts STEP …     only the steps named
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { runSuites, tellPassedAlone, type SuitesRun } from './suites.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  readonly name: string
  /** Of the suites: Jest's options. */
  readonly args: readonly string[]
}
const steps: readonly Step[] = [
  { name: 'needs', args: ['scripts/needs.ts'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  { name: 'opa', args: ['scripts/build-opa.ts', '--check'] },
  { name: 'suites', args: [] },
  { name: 'opa-cases', args: ['scripts/opa-cases.ts'] },
  { name: 'policies', args: ['src/cli/main.ts', 'policy', 'test', '--dir', 'rego', '--cases', 'bundles/demo/cases', '--threshold', '100'] },
  { name: 'policies-lint', args: ['src/cli/main.ts', 'policy', 'lint', '--dir', 'rego'] },
  { name: 'policies-fmt', args: ['src/cli/main.ts', 'policy', 'fmt', '--dir', 'rego'] },
  { name: 'conformance', args: ['scripts/conformance.ts'] },
]

const runProgram = (args: readonly string[]): Promise<SuitesRun> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('exit', (code) => resolve({ ok: code === 0, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, passedAlone: {} }))
  })

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  process.stderr.write(`there is no step ${unknown.join(', ')}; the steps are ${steps.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const counts = { passed: 0, failed: 0, skipped: 0 }
let told = ''
for (const { name, args } of steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))) {
  const started = performance.now()
  process.stdout.write(`\n── ${name}\n`)
  const run = await (name === 'suites' ? runSuites(args) : runProgram(args))
  process.stdout.write(`── ${name}: ${run.ok ? 'fine' : 'failed'}, ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
  counts.passed += run.passed
  counts.failed += run.failed
  counts.skipped += run.skipped
  told += tellPassedAlone(run.passedAlone)
}
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n${told}`)
process.exit(counts.failed === 0 ? 0 : 1)
