import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { openInspector, openSdkV1, openSdkV2, type OpenClient, type RealClient, type Seen } from '../../test/support/clients.ts'
import { openProgram } from './program.ts'

export interface Kind {
  readonly name: string
  readonly version: string
  /** Undefined where what it needs is not on this machine. */
  readonly open: OpenClient | undefined
}

const run = promisify(execFile)
const here = import.meta.dirname
const versionOf = async (name: string): Promise<string> => ((await import(`../../node_modules/${name}/package.json`, { with: { type: 'json' } })) as { default: { version: string } }).default.version

/** Of all, or of those whose name holds one of the parts. */
export const chosen = (only: readonly string[] | undefined) => (name: string): boolean => only === undefined || only.some((part) => name.includes(part))

/** Every client that can be had here. What is not of npm is installed below `directory`. */
export async function findKinds(directory: string, isWanted: (name: string) => boolean, say: (line: string) => void): Promise<readonly Kind[]> {
  const [v1, v2, inspector] = await Promise.all(['@modelcontextprotocol/sdk', '@modelcontextprotocol/client', '@modelcontextprotocol/inspector'].map(versionOf))
  const kinds: readonly (readonly [name: string, find: () => Promise<Omit<Kind, 'name'>>])[] = [
    ['TypeScript SDK 1', async () => ({ version: v1 ?? '', open: openSdkV1 })],
    ['TypeScript SDK 1 with progress', async () => ({ version: v1 ?? '', open: openWithProgress })],
    ['TypeScript SDK 2, legacy', async () => ({ version: v2 ?? '', open: openSdkV2('legacy') })],
    ['TypeScript SDK 2, auto', async () => ({ version: v2 ?? '', open: openSdkV2('auto') })],
    ['Inspector --cli', async () => ({ version: inspector ?? '', open: openInspector })],
    ['mcp-remote', () => remote(directory, say)],
    ['sallyport connect', async () => ({ version: '', open: openConnect(directory) })],
    ['Python mcp 1', () => python('mcp1', 'mcp==1.30.0', directory, say)],
    ['Python mcp 2', () => python('mcp2', 'mcp==2.3.0', directory, say)],
    ['Python fastmcp', () => python('fastmcp', 'fastmcp==4.1.2', directory, say)],
    ['Go SDK', () => go(directory, say)],
  ]
  const found: Kind[] = []
  for (const [name, find] of kinds) if (isWanted(name)) found.push({ name, ...(await find()) })
  return found
}

const seenOf = (result: unknown): Seen => ({ text: JSON.stringify(result), isError: (result as { isError?: boolean }).isError === true })
const failed = (error: unknown): Seen => ({ text: error instanceof Error ? error.message : String(error), isError: true })

async function overTransport(transport: Transport, options: { readonly patient: boolean }): Promise<RealClient> {
  const client = new Client({ name: 'tried-client', version: '1.0.0' })
  await client.connect(transport)
  const patience = options.patient ? { onprogress: () => undefined, resetTimeoutOnProgress: true } : {}
  return {
    revision: undefined,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: (name, args) => client.callTool({ name, arguments: { ...args } }, undefined, patience).then(seenOf, failed),
    close: () => client.close(),
  }
}

const openWithProgress: OpenClient = (url, token) =>
  // The SDK's own transport has optional members that its interface spells without `undefined`.
  overTransport(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }) as StreamableHTTPClientTransport & Transport, { patient: true })

/** The bridge before a client that speaks only stdio. */
const openConnect = (directory: string): OpenClient => (url, token) =>
  overTransport(new StdioClientTransport({
    command: process.execPath, args: ['--no-warnings', join(here, '../../src/cli/main.ts'), 'connect', new URL(url).pathname.split('/').at(-1) ?? '', '--url', new URL(url).origin],
    stderr: 'ignore', env: { HOME: directory, PATH: process.env['PATH'] ?? '', SALLYPORT_TOKEN: token },
  }), { patient: true })

async function remote(directory: string, say: (line: string) => void): Promise<Omit<Kind, 'name'>> {
  const version = '0.15.1'
  const proxy = join(directory, 'remote/node_modules/mcp-remote/dist/proxy.js')
  const installed = await attempt('mcp-remote', say, () => installNpm(join(directory, 'remote'), `mcp-remote@${version}`))
  const open: OpenClient = (url, token) =>
    overTransport(new StdioClientTransport({ command: process.execPath, args: [proxy, url, '--allow-http', '--header', `Authorization:Bearer ${token}`], stderr: 'ignore', env: { HOME: directory, PATH: process.env['PATH'] ?? '' } }), { patient: false })
  return { version, open: installed && existsSync(proxy) ? open : undefined }
}

async function python(kind: string, requirement: string, directory: string, say: (line: string) => void): Promise<Omit<Kind, 'name'>> {
  const home = join(directory, kind)
  const installed = await attempt(requirement, say, () => installPython(home, requirement))
  return { version: requirement.split('==')[1] ?? '', open: installed ? (url, token) => openProgram(join(home, 'bin/python'), [join(here, 'client.py'), kind, url, token]) : undefined }
}

async function go(directory: string, say: (line: string) => void): Promise<Omit<Kind, 'name'>> {
  const program = join(directory, 'go-client')
  const installed = await attempt('Go SDK', say, () => run('go', ['build', '-o', program, '.'], { cwd: join(here, 'go') }))
  return { version: '1.8.0', open: installed ? (url, token) => openProgram(program, [url, token]) : undefined }
}

export const installNpm = (home: string, ...packages: readonly string[]) => run('npm', ['install', '--prefix', home, '--no-fund', '--no-audit', ...packages])
export async function installPython(home: string, ...requirements: readonly string[]): Promise<void> {
  await run('python3', ['-m', 'venv', home])
  await run(join(home, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...requirements])
}

export async function attempt(name: string, say: (line: string) => void, install: () => Promise<unknown>): Promise<boolean> {
  say(`installing ${name}`)
  return install().then(
    () => true,
    (error: unknown) => {
      say(`NOT TRIED: ${name} cannot be had here (${String(error).split('\n')[0]})`)
      return false
    },
  )
}
