// Clients that are given the address of a server alone: they sign their person in, and go on by themselves when their token has expired.
//   node scripts/clients/sign-in.ts [DIRECTORY]
// DIRECTORY keeps what is installed for another time. What cannot be had on this machine is not tried, and told so.
import { execFile, spawn } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { existsSync, mkdtempSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { agree, startWorld } from '../../test/oauth/world.ts'
import { createPersonBrowser } from '../../test/support/person-browser.ts'
import { attempt, installNpm, installPython } from './kinds.ts'

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'sallyport-sign-in-'))
const patience = 180_000
const say = (line: string) => void process.stderr.write(`${line}\n`)

/** A client's program. It prints where its person is sent, and then what it lists; a line of its input makes it list again. */
interface Way {
  readonly command: string
  readonly args: (url: string) => readonly string[]
  /** What brings the person back: it listens itself, or reads the address. */
  readonly listens: boolean
  /** Lines for a client that speaks MCP itself. */
  readonly first?: string
  readonly greeted?: string
  readonly again?: string
}
interface Listed {
  readonly tools: number
  /** How often its person was sent somewhere. */
  readonly sent: number
}

const toolsIn = (line: string): number | undefined => (/"tools": ?\[\{?"/.test(line) ? (line.match(/(?:read|delete)_(?:one|all)/g)?.length ?? 0) : undefined)

function begin({ command, args, listens, first, greeted, again }: Way, url: string) {
  // Programs that open a browser are given one that prints the address.
  const child = spawn(command, args(url), { env: { PATH: process.env['PATH'], HOME: mkdtempSync(join(tmpdir(), 'sallyport-home-')), BROWSER: 'echo %s' } })
  child.stdin.on('error', () => undefined)
  const write = (line: string | undefined) => void (line !== undefined && child.stdin.write(`${line}\n`))
  const said: string[] = []
  let next = Promise.withResolvers<number>()
  let last: string | undefined
  let sent = 0
  const fail = (why: string) => next.reject(new Error(`${why}:\n${said.slice(-12).join('\n')}`))
  const hear = (line: string): void => {
    said.push(line)
    const found = /https?:\/\/[^\s"]+\/oauth\/authorize\?[^\s"]+/.exec(line)?.[0]
    if (found !== undefined && found !== last) {
      last = found
      sent += 1
      agree(found, createPersonBrowser(), ({ pathname }) => !/callback/.test(pathname) || pathname.startsWith('/login/'))
        .then((back) => (listens ? fetch(back) : write(back.href))).catch((error: unknown) => fail(String(error)))
    }
    if (line.startsWith('{"jsonrpc"') && line.includes('"protocolVersion"')) write(greeted)
    const tools = toolsIn(line)
    if (tools !== undefined) next.resolve(tools)
  }
  createInterface({ input: child.stdout }).on('line', hear)
  createInterface({ input: child.stderr }).on('line', hear)
  child.once('exit', (code) => fail(`it ended with ${code}`))
  const listed = async (): Promise<Listed> => {
    const late = setTimeout(() => fail('it did not list in time'), patience)
    try {
      return { tools: await next.promise, sent }
    } finally {
      clearTimeout(late)
    }
  }
  write(first)
  return {
    listed,
    async listAgain() {
      next = Promise.withResolvers()
      write(again ?? 'again')
      return listed()
    },
    end: () => void child.removeAllListeners('exit').kill(),
  }
}

const rpc = (message: object) => JSON.stringify({ jsonrpc: '2.0', ...message })
const python = (kind: string, requirement: string, listens = false) => async (): Promise<Way> => {
  const home = join(directory, kind)
  if (!existsSync(join(home, 'bin/python'))) await installPython(home, requirement)
  return { command: join(home, 'bin/python'), args: (url) => [join(import.meta.dirname, 'sign_in.py'), kind, url], listens }
}
const ways: Readonly<Record<string, () => Promise<Way>>> = {
  'mcp-remote 0.15.1': async () => {
    const proxy = join(directory, 'remote/node_modules/mcp-remote/dist/proxy.js')
    if (!existsSync(proxy)) await installNpm(join(directory, 'remote'), 'mcp-remote@0.15.1')
    const list = (id: number) => rpc({ id, method: 'tools/list' })
    return {
      command: process.execPath, args: (url) => [proxy, url, '--allow-http'], listens: true,
      first: rpc({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'tried', version: '1' } } }),
      greeted: `${rpc({ method: 'notifications/initialized' })}\n${list(2)}`, again: list(3),
    }
  },
  'Python mcp 1.30.0': python('mcp1', 'mcp==1.30.0'),
  'Python mcp 2.3.0': python('mcp2', 'mcp==2.3.0'),
  'Python fastmcp 4.1.2': python('fastmcp', 'fastmcp==4.1.2', true),
  'Go SDK 1.8.0': async () => {
    const program = join(directory, 'go-sign-in')
    if (!existsSync(program)) await promisify(execFile)('go', ['build', '-o', program, './sign-in'], { cwd: join(import.meta.dirname, 'go') })
    return { command: program, args: (url) => [url], listens: false }
  },
}

const installed: (readonly [name: string, way: Way])[] = []
for (const [name, install] of Object.entries(ways)) {
  let way: Way | undefined
  if (await attempt(name, say, async () => (way = await install())) && way !== undefined) installed.push([name, way])
}

const world = await startWorld({ identity: { tokens: { access: '1m' } } })
let tokenRequests = 0
subscribe('http.server.request.start', (message) => {
  const { method, url } = (message as { readonly request: IncomingMessage }).request
  if (method === 'POST' && url === '/oauth/token') tokenRequests += 1
})
const tell = (name: string, told: string) => void process.stdout.write(`${name}: ${told}\n`)
const failed = (name: string, error: unknown): void => {
  process.exitCode = 1
  tell(name, `FAILED ${String(error)}`)
}

try {
  const signedIn: (readonly [name: string, client: ReturnType<typeof begin>])[] = []
  for (const [name, way] of installed) {
    const client = begin(way, `${world.url}/mcp/crm`)
    try {
      const { tools, sent } = await client.listed()
      if (tools !== 3 || sent !== 1) throw new Error(`${tools} tools, its person was sent ${sent} times`)
      signedIn.push([name, client])
      say(`${name} is signed in`)
    } catch (error) {
      failed(name, error)
      client.end()
    }
  }
  const before = tokenRequests
  await wait(62_000) // until what the last one was given has expired; whoever has a stream open goes on before it is asked
  for (const [name, client] of signedIn) {
    try {
      const { tools, sent } = await client.listAgain()
      if (tools !== 3 || sent !== 1) throw new Error(`after its token had expired: ${tools} tools, its person was sent ${sent} times`)
      tell(name, `signed in, ${tools} tools; went on when its token had expired`)
    } catch (error) {
      failed(name, error)
    }
    client.end()
  }
  tell('refreshes', `${tokenRequests - before} of ${signedIn.length} clients`)
  if (tokenRequests - before < signedIn.length) process.exitCode = 1
} finally {
  await world.close()
}
process.exit()
