// The suites. What fails beside others is tried once more alone: a run passes with it, and says so.
//   node scripts/suites.ts [options of Jest]
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** More than this is no accident of a busy machine. */
const mostAgain = 3
/** MiB for what is new. Each suite loads its modules anew, which Node's own 16 have it look through again and again, and the one it begins with keeps what is soon gone. */
const roomForNew = { least: 32, most: 64 }

export interface SuitesRun {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Of suites that failed beside others and passed alone: what failed, by suite. */
  readonly passedAlone: Readonly<Record<string, readonly string[]>>
}

interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numFailedTestSuites: number
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[] }[]
}

/** A directory for one run, and an environment by which hundreds of threads and processes, of the same few programs, find there what one of them compiled. */
export interface Scratch {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  remove(): Promise<void>
}
export function makeScratch(): Scratch {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-suites-'))
  return {
    directory,
    env: { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compiled') },
    // A process that ends late may still be keeping there what it compiled, which says nothing of the suites.
    remove: () => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => undefined),
  }
}

/** Undefined where Jest ended without a report. */
async function runJest(args: readonly string[], { directory, env }: Scratch): Promise<Report | undefined> {
  const file = join(directory, 'report.json')
  rmSync(file, { force: true })
  const jest = [`--min-semi-space-size=${roomForNew.least}`, `--max-semi-space-size=${roomForNew.most}`, '--experimental-vm-modules', '--no-warnings', join(root, 'node_modules/jest/bin/jest.js'), ...args, '--json', `--outputFile=${file}`]
  const child = spawn(process.execPath, jest, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<number>((resolve) => child.once('exit', (exit) => resolve(exit ?? 1)))
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report
    return { ...report, success: report.success && code === 0 }
  } catch {
    return undefined
  }
}

/** Nothing is alone before `others` have ended. */
export async function runSuites(args: readonly string[], scratch: Scratch, others?: Promise<unknown>): Promise<SuitesRun> {
  const first = await runJest(args, scratch)
  if (first === undefined) return { ok: false, passed: 0, failed: 1, skipped: 0, passedAlone: {} }
  const { numPassedTests: passed, numPendingTests: skipped } = first
  const failedSuites = first.testResults.filter(({ status }) => status === 'failed')
  const failed = Math.max(first.numFailedTests, failedSuites.length, first.success ? 0 : 1)
  const asTheyAre = { ok: failed === 0, passed, failed, skipped, passedAlone: {} }
  if (failedSuites.length === 0 || failedSuites.length > mostAgain) return asTheyAre

  await others
  process.stdout.write(`\nalone, once more: ${failedSuites.map(({ name }) => relative(root, name)).join(', ')}\n`)
  const again = await runJest([...args, '--maxWorkers=1', '--runTestsByPath', ...failedSuites.map(({ name }) => name)], scratch)
  if (again === undefined || !again.success || again.testResults.length !== failedSuites.length) return asTheyAre
  const passedAlone = Object.fromEntries(failedSuites.map(({ name, assertionResults }) => {
    const tests = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName)
    return [relative(root, name), tests.length > 0 ? tests : ['the suite as a whole']] as const
  }))
  const passedBefore = failedSuites.flatMap(({ assertionResults }) => assertionResults).filter(({ status }) => status === 'passed').length
  return { ok: true, passed: passed - passedBefore + again.numPassedTests, failed: 0, skipped, passedAlone }
}

/** Empty where nothing had to be tried again. */
export function tellPassedAlone(passedAlone: SuitesRun['passedAlone']): string {
  const names = Object.keys(passedAlone)
  if (names.length === 0) return ''
  const lines = names.flatMap((name) => [`!! ${name}`, ...(passedAlone[name] ?? []).map((test) => `!!     ${test}`)])
  const bar = '!'.repeat(100)
  return ['', bar, `!! Failed beside others, and passed alone. Each is a fault of its test, or of what it tests.`, ...lines, bar, ''].join('\n')
}

if (import.meta.main) {
  const scratch = makeScratch()
  const run = await runSuites(process.argv.slice(2), scratch)
  await scratch.remove()
  process.stdout.write(`${run.passed} passed, ${run.failed} failed, ${run.skipped} skipped\n${tellPassedAlone(run.passedAlone)}`)
  process.exitCode = run.ok ? 0 : 1
}
