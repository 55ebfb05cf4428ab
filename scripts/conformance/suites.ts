import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Expected } from './compare.ts'

export interface Suite extends Expected {
  readonly package: 'conformance-0.1' | 'conformance-0.2'
  readonly args: readonly string[]
}

export const suites: readonly Suite[] = [
  { name: '0.1', package: 'conformance-0.1', args: ['--suite', 'all'], passes: 44 },
  { name: '2025-11-25', package: 'conformance-0.2', args: ['--requirements', '2025-11-25'], passes: 84 },
  { name: '2026-07-28', package: 'conformance-0.2', args: ['--requirements', '2026-07-28'], passes: 164, mayFail: /^tasks-/ },
]

/** The scenarios of the client half that need no authorization server: what a server sees of a client, and of the gateway in its place. */
export const clients: Expected = { name: 'clients', passes: 84 }
const clientScenarios = {
  '2025-11-25': ['initialize', 'tools_call', 'sse-retry', 'elicitation-sep1034-client-defaults', 'json-schema-2020-12-preservation'],
  '2026-07-28': [
    'tools_call', 'request-metadata', 'http-standard-headers', 'http-custom-headers', 'http-invalid-tool-headers',
    'json-schema-ref-no-deref', 'json-schema-2020-12-preservation', 'sep-2322-client-request-state',
  ],
} as const

export interface Check {
  readonly scenario: string
  readonly id: string
  readonly status: string
  readonly message: string
}

/** Runs one suite against a URL, and reads what it wrote for each scenario. */
export async function runSuite(suite: Suite, url: string, directory: string): Promise<readonly Check[]> {
  const output = await run([programOf(suite.package), 'server', '--url', url, ...suite.args, '-o', directory])
  const checks = await readResults(directory)
  if (checks.length === 0) throw new Error(`the suite ${suite.name} wrote no results:\n${output.slice(-2000)}`)
  return checks
}

/** Runs the client scenarios one by one, each with a server of the suite's own. */
export async function runClients(way: 'direct' | 'gateway', directory: string): Promise<readonly Check[]> {
  const command = [`"${process.execPath}"`, '--no-warnings', `"${join(import.meta.dirname, 'client.ts')}"`, ...(way === 'gateway' ? ['--gateway'] : [])].join(' ')
  for (const [revision, scenarios] of Object.entries(clientScenarios)) {
    for (const scenario of scenarios) {
      const options = ['--scenario', scenario, '--spec-version', revision, '--timeout', '60000', '-o', join(directory, revision)]
      await run([programOf('conformance-0.2'), 'client', '--command', command, ...options])
    }
  }
  const checks = Object.keys(clientScenarios).map(async (revision) => {
    const results = await readResults(join(directory, revision))
    return results.map((check) => ({ ...check, scenario: `${revision} ${check.scenario}` }))
  })
  return (await Promise.all(checks)).flat()
}

const programOf = (name: Suite['package']) => join(import.meta.dirname, '../../node_modules', name, 'dist/index.js')

async function readResults(directory: string): Promise<readonly Check[]> {
  const scenarios = await readdir(directory).catch(() => [])
  return (await Promise.all(scenarios.map((name) => readChecks(join(directory, name, 'checks.json'), scenarioOf(name))))).flat()
}

// server-<scenario>-2026-11-21T01-40-49-693Z
const scenarioOf = (directory: string) => directory.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '')

async function readChecks(file: string, scenario: string): Promise<readonly Check[]> {
  // A scenario that was cut short has none: its checks are then not reached.
  const checks = JSON.parse(await readFile(file, 'utf8').catch(() => '[]')) as readonly { id: string; status: string; errorMessage?: string }[]
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
