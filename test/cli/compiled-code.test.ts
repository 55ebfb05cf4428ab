import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
let place: string
let caches: string
let directory: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'compiled-'))
  caches = join(place, 'caches')
  directory = join(caches, 'sallyport', 'compiled')
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

/** `validate` without a configuration loads much, and ends by itself. */
const run = (env: NodeJS.ProcessEnv, command: readonly string[] = ['validate']): Promise<unknown> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...command], { cwd: place, env: { PATH: process.env['PATH'], HOME: place, ...env }, timeout: 240_000 }, (error) => resolve(error?.code))
  })

test('what was compiled is kept for the next start, where only its user can write', async () => {
  expect(await run({ XDG_CACHE_HOME: caches })).toBe(1)
  expect(readdirSync(directory)).toHaveLength(1) // of this version of Node
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  expect(await run({ XDG_CACHE_HOME: caches })).toBe(1)
})

test("OPA's process, which gets nothing else of the environment, keeps its own there too", async () => {
  writeFileSync(join(place, 'a.rego'), 'package policies.a\n\nallow := true\n')
  await run({ XDG_CACHE_HOME: caches }, ['policy', 'fmt', '--dir', place])
  expect(readdirSync(directory)).toHaveLength(2) // Node keeps apart what runs with other settings of V8
})

test('by default it is among the caches of the user', async () => {
  await run({ XDG_CACHE_HOME: 'here' })
  expect(existsSync(join(place, 'here'))).toBe(false)
  expect(readdirSync(join(place, '.cache', 'sallyport', 'compiled'))).toHaveLength(1)
})

test('a directory that others can write to is not used', async () => {
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o777)
  expect(await run({ XDG_CACHE_HOME: caches })).toBe(1)
  expect(readdirSync(directory)).toEqual([])
})

test.each([
  ['the directory around it', () => join(caches, 'sallyport')],
  ['where the caches are', () => caches],
])('whoever could put another in its place: %s', async (_, open) => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(open(), 0o777)
  expect(await run({ XDG_CACHE_HOME: caches })).toBe(1)
  expect(readdirSync(directory)).toEqual([])
})

test('what a link leads to is not used', async () => {
  const elsewhere = join(place, 'elsewhere')
  mkdirSync(elsewhere, { mode: 0o700 })
  mkdirSync(join(caches, 'sallyport'), { recursive: true, mode: 0o700 })
  symlinkSync(elsewhere, directory)
  expect(await run({ XDG_CACHE_HOME: caches })).toBe(1)
  expect(readdirSync(elsewhere)).toEqual([])
})

test('where nothing can be kept, it starts all the same', async () => {
  expect(await run({ XDG_CACHE_HOME: '/dev/null/caches' })).toBe(1)
})

test.each([
  ['elsewhere', () => ({ NODE_COMPILE_CACHE: join(place, 'elsewhere') })],
  ['nowhere', () => ({ NODE_DISABLE_COMPILE_CACHE: '1' })],
])('what the user said about it goes before: %s', async (_, said) => {
  await run({ XDG_CACHE_HOME: caches, ...said() })
  expect(existsSync(caches)).toBe(false)
})
