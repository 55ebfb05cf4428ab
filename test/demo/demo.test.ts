import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { until } from '../support/conditions.ts'
import { freePort } from '../support/free-port.ts'

const root = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-demo-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const sallyport = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
  try {
    return { code: 0, ...(await run(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { cwd: directory })) }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

test('the demo refuses every address that others can reach', async () => {
  for (const host of ['0.0.0.0', 'gateway.example']) {
    const { code, stderr, stdout } = await sallyport('demo', '--host', host, '--port', '1')
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toContain('the demo listens on loopback only')
  }
  expect(await readdir(directory)).toEqual([])
})

test('a taken port is told with what to do about it', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { code, stderr } = await sallyport('demo', '--port', String(port))
  expect(code).toBe(3)
  expect(stderr).toMatch(new RegExp(`port ${port} is taken by another program.*npm start -- --port \\d+`))
  other.close()
})

test('a directory that cannot be written is told with what to do about it', async () => {
  const file = join(directory, 'file')
  await writeFile(file, '')
  const { code, stderr } = await sallyport('demo', '--port', '65001', '--dir', join(file, 'demo'))
  expect(code).toBe(3)
  expect(stderr).toMatch(/cannot be written \(ENOTDIR\).*--dir/)
})

test('ended while it starts, it is gone at once', async () => {
  const port = String(await freePort())
  const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'demo', '--port', port], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  const told = text(child.stdout)
  await until(async () => (await readdir(join(directory, '.sallyport')).catch((): string[] => [])).includes('demo.yaml'))
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  expect([code, await told]).toEqual([3, ''])
  expect(await readdir(join(directory, '.sallyport'))).not.toContain('demo.json')
})

test('wrong use of demo and token is told', async () => {
  expect((await sallyport('demo', '--port', '99999')).code).toBe(2)
  expect(await sallyport('token', 'mallory')).toMatchObject({ code: 2, stderr: expect.stringContaining('support, reviewer, auditor and ci') })
  expect((await sallyport('token', 'support', '--audience', 'https://elsewhere.example')).code).toBe(2)
  expect(await sallyport('token', 'support')).toMatchObject({ code: 3, stderr: expect.stringContaining('npm start') })
})

test('nothing but its own command reaches the demo', async () => {
  const files = (await readdir(join(root, 'src'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  const importers: string[] = []
  for (const { parentPath, name } of files) {
    const path = relative(root, join(parentPath, name))
    if (!path.startsWith('src/demo/') && /(?:from|import\()\s*'[^']*\/demo\//.test(await readFile(join(root, path), 'utf8'))) importers.push(path)
  }
  expect(importers).toEqual(['src/cli/demo.ts'])
})

test('the tour starts a demo, sees every claim hold, and leaves nothing running', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'scripts/tour.ts'), '--auto'], { cwd: directory })
  expect(stdout.match(/✓/g)?.length).toBeGreaterThanOrEqual(16)
  expect(stdout).toContain('the consent is used up')
  expect(await readdir(join(directory, '.sallyport'))).not.toContain('demo.json')
})
