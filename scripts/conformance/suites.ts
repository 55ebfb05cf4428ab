import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Suite {
  readonly name: string
  readonly package: 'conformance-0.1' | 'conformance-0.2'
  readonly args: readonly string[]
  /** How many checks the fixture passes directly. */
  readonly passes: number
  /** Scenarios that do not count: extensions which the SDK does not implement. */
  readonly mayFail?: RegExp
}

export const suites: readonly Suite[] = [
  { name: '0.1', package: 'conformance-0.1', args: ['--suite', 'all'], passes: 44 },
  { name: '2025-11-25', package: 'conformance-0.2', args: ['--requirements', '2025-11-25'], passes: 84 },
  { name: '2026-07-28', package: 'conformance-0.2', args: ['--requirements', '2026-07-28'], passes: 164, mayFail: /^tasks-/ },
]

export interface Check {
  readonly scenario: string
  readonly id: string
  readonly status: string
  readonly message: string
}

/** Runs one suite against a URL, and reads what it wrote for each scenario. */
export async function runSuite(suite: Suite, url: string, directory: string): Promise<readonly Check[]> {
  const program = join(import.meta.dirname, '../../node_modules', suite.package, 'dist/index.js')
  const output = await run([program, 'server', '--url', url, ...suite.args, '-o', directory])
  const scenarios = await readdir(directory).catch(() => [])
  if (scenarios.length === 0) throw new Error(`the suite ${suite.name} wrote no results:\n${output.slice(-2000)}`)
  return (await Promise.all(scenarios.map((name) => readChecks(join(directory, name, 'checks.json'), scenarioOf(name))))).flat()
}

// server-<scenario>-2026-11-21T01-40-49-693Z
const scenarioOf = (directory: string) => directory.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')

async function readChecks(file: string, scenario: string): Promise<readonly Check[]> {
  const checks = JSON.parse(await readFile(file, 'utf8')) as readonly { id: string; status: string; errorMessage?: string }[]
  return checks.map(({ id, status, errorMessage }) => ({ scenario, id, status, message: errorMessage ?? '' }))
}

const run = (args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    let output = ''
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 240_000 })
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', reject)
    // Its exit code says whether any check failed; that is told from the checks themselves.
    child.once('close', () => resolve(output))
  })
