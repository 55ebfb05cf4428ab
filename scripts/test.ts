// The whole test command: what it needs from outside, every suite, and beside them types, the committed OPA module, the shipped policies, OPA's own cases and conformance.
// What failed beside others is tried once more when nothing else runs.
//   node scripts/test.ts            everything
//   node scripts/test.ts STEP …     only the steps named
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { makeScratch, runSuites, tellPassedAlone, type SuitesRun } from './suites.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** By name: the programs, and none for the suites. */
const steps: Readonly<Record<string, readonly string[]>> = {
  needs: ['scripts/needs.ts'],
  suites: [],
  types: ['node_modules/typescript/bin/tsc', '-p', '.'],
  opa: ['scripts/build-opa.ts', '--check'],
  policies: ['src/cli/main.ts', 'policy', 'test', '--dir', 'rego', '--cases', 'bundles/demo/cases', '--threshold', '100'],
  'policies-lint': ['src/cli/main.ts', 'policy', 'lint', '--dir', 'rego'],
  'policies-fmt': ['src/cli/main.ts', 'policy', 'fmt', '--dir', 'rego'],
  'opa-cases': ['scripts/opa-cases.ts'],
  conformance: ['scripts/conformance.ts'],
}

/** What it says comes in one piece, since others run beside it. */
const runProgram = (args: readonly string[]): Promise<SuitesRun> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { cwd: root, env: scratch.env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => void said.push(chunk))
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(said))
      resolve({ ok: code === 0, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, passedAlone: {} })
    })
  })

const timed = async (name: string, work: () => Promise<SuitesRun>): Promise<SuitesRun> => {
  const started = performance.now()
  const run = await work()
  process.stdout.write(`── ${name}: ${run.ok ? 'fine' : 'failed'}, ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
  return run
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(steps, name))
if (unknown.length > 0) {
  process.stderr.write(`there is no step ${unknown.join(', ')}; the steps are ${Object.keys(steps).join(', ')}\n`)
  process.exit(2)
}
const scratch = makeScratch()
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name)
const program = (name: string): Promise<SuitesRun> => timed(name, () => runProgram(steps[name] ?? []))

const runs: SuitesRun[] = []
if (isWanted('needs')) runs.push(await program('needs'))

/** One after the other; those that failed are named. */
const runBeside = async (): Promise<readonly string[]> => {
  const failed: string[] = []
  for (const name of Object.keys(steps).filter((one) => isWanted(one) && one !== 'needs' && one !== 'suites')) {
    const run = await program(name)
    if (run.ok || !isWanted('suites')) runs.push(run)
    else failed.push(name)
  }
  return failed
}
const beside = runBeside()
if (isWanted('suites')) runs.push(await timed('suites', () => runSuites([], scratch, beside)))
for (const name of await beside) {
  const run = await program(name)
  runs.push(run.ok ? { ...run, passedAlone: { [name]: ['the step as a whole'] } } : run)
}

await scratch.remove()

const sum = (of: (run: SuitesRun) => number): number => runs.reduce((total, run) => total + of(run), 0)
const failed = sum((run) => run.failed)
const passedAlone = Object.assign({}, ...runs.map((run) => run.passedAlone)) as SuitesRun['passedAlone']
process.stdout.write(`\n${sum((run) => run.passed)} passed, ${failed} failed, ${sum((run) => run.skipped)} skipped\n${tellPassedAlone(passedAlone)}`)
process.exit(failed === 0 ? 0 : 1)
