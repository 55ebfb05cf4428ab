// The whole test command: what it needs from outside, types, the committed OPA module, every suite, OPA's own cases, the shipped policies, conformance.
//   node scripts/test.ts            everything
//   node scripts/test.ts STEP …     only the steps named
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
const report = join(scratch, 'jest.json')

interface Step {
  readonly name: string
  readonly args: readonly string[]
}
const steps: readonly Step[] = [
  { name: 'needs', args: ['scripts/needs.ts'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  { name: 'opa', args: ['scripts/build-opa.ts', '--check'] },
  { name: 'suites', args: ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${report}`] },
  { name: 'opa-cases', args: ['scripts/opa-cases.ts'] },
  { name: 'policies', args: ['src/cli/main.ts', 'policy', 'test', '--dir', 'rego', '--cases', 'bundles/demo/cases', '--threshold', '100'] },
  { name: 'policies-lint', args: ['src/cli/main.ts', 'policy', 'lint', '--dir', 'rego'] },
  { name: 'policies-fmt', args: ['src/cli/main.ts', 'policy', 'fmt', '--dir', 'rego'] },
  { name: 'conformance', args: ['scripts/conformance.ts'] },
]

const run = ({ args }: Step): Promise<number> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('exit', (code) => resolve(code ?? 1))
  })

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  process.stderr.write(`there is no step ${unknown.join(', ')}; the steps are ${steps.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const counts = { passed: 0, failed: 0, skipped: 0 }
for (const step of steps.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const started = performance.now()
  process.stdout.write(`\n── ${step.name}\n`)
  const code = await run(step)
  const took = `${((performance.now() - started) / 1000).toFixed(0)} s`
  process.stdout.write(`── ${step.name}: ${code === 0 ? 'fine' : `failed (exit ${code})`}, ${took}\n`)
  if (step.name === 'suites') {
    const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8'))
    counts.passed += numPassedTests
    counts.failed += Math.max(numFailedTests, numFailedTestSuites)
    counts.skipped += numPendingTests
  } else if (code === 0) counts.passed += 1
  else counts.failed += 1
}
rmSync(scratch, { recursive: true, force: true })
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
process.exit(counts.failed === 0 ? 0 : 1)
