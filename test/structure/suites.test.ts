import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { longest } from '../support/longest-first.ts'
import { storeDirectory } from '../support/scratch.ts'

// The command that runs the suites, on suites of which some fail.

const command = fileURLToPath(new URL('../../scripts/suites.ts', import.meta.url))

/** Fails as often as it says, and counts how often it ran. */
const suite = (name: string, failures: number) => `
const { appendFileSync, readFileSync } = require('node:fs')
const runs = __filename + '.runs'
appendFileSync(runs, '.')
test('${name} holds', () => expect(readFileSync(runs).length).toBeGreaterThan(${failures}))
test('${name} holds besides', () => undefined)
`

async function runSuites(failures: Readonly<Record<string, number>>, more = '') {
  const directory = storeDirectory('suites')
  const fileOf = (name: string) => join(directory, `${name}.check.cjs`)
  const config = join(directory, 'jest.config.json')
  writeFileSync(config, JSON.stringify({ rootDir: directory, testMatch: ['**/*.check.cjs'], transform: {}, maxWorkers: 1, cache: false }))
  for (const [name, count] of Object.entries(failures)) writeFileSync(fileOf(name), suite(name, count) + more)
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) =>
    execFile(process.execPath, [command, '--config', config], { env: { PATH: process.env['PATH'] } }, (error, out) => resolve({ code: error === null ? 0 : error.code, stdout: out })))
  const runs = Object.fromEntries(Object.keys(failures).map((name) => [name, readFileSync(`${fileOf(name)}.runs`).length]))
  return { code, runs, loud: stdout.split('\n').filter((line) => line.startsWith('!!')), counts: /^\d+ passed.*$/m.exec(stdout)?.[0] }
}

test('what failed beside others and passes alone lets the run pass, which ends with its name', async () => {
  const { code, runs, loud, counts } = await runSuites({ steady: 0, shaky: 1 })
  expect({ code, runs, counts }).toEqual({ code: 0, runs: { steady: 1, shaky: 2 }, counts: '4 passed, 0 failed, 0 skipped' })
  const named = loud.join('\n')
  expect(named).toContain('shaky.check.cjs')
  expect(named).toContain('shaky holds')
  expect(named).not.toContain('besides')
  expect(named).not.toContain('steady')
})

test('what fails again fails the run', async () => {
  expect(await runSuites({ steady: 0, shaky: 1, broken: 2 })).toEqual({ code: 1, runs: { steady: 1, shaky: 2, broken: 2 }, loud: [], counts: '4 passed, 2 failed, 0 skipped' })
})

test('where more than three failed none is tried again', async () => {
  const { code, runs, loud } = await runSuites({ a: 1, b: 1, c: 1, d: 1 })
  expect({ code, runs, loud }).toEqual({ code: 1, runs: { a: 1, b: 1, c: 1, d: 1 }, loud: [] })
})

test('a run without a failure says nothing of the kind', async () => {
  expect(await runSuites({ steady: 0 })).toEqual({ code: 0, runs: { steady: 1 }, loud: [], counts: '2 passed, 0 failed, 0 skipped' })
})

test('a process of a suite that ends late, and still keeps what it compiled, fails no run', async () => {
  const late = `const { mkdirSync, writeFileSync, writeSync } = require('node:fs')
const keep = (at) => { try { writeFileSync(process.argv[1] + '/' + at, '') } catch { /* its directory is being removed */ } }
mkdirSync(process.argv[1], { recursive: true })
for (let at = 0; at < 1_000; at += 1) keep(at)
writeSync(1, 'busy')
const until = Date.now() + 2_000
for (let at = 1_000; Date.now() < until; at += 1) keep(at)`
  const starts = `beforeAll((started) => {
  const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(late)}, process.env.NODE_COMPILE_CACHE], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  child.unref()
  child.stdout.once('data', () => { child.stdout.destroy(); started() })
})`
  expect(await runSuites({ steady: 0 }, starts)).toMatchObject({ code: 0 })
})

test('what is known to take long is there', () => {
  expect(longest.filter((path) => !existsSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))))).toEqual([])
})
