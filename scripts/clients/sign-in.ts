// Clients that are given the address of a server alone, and sign their person in: node scripts/clients/sign-in.ts [DIRECTORY]
// DIRECTORY keeps what is installed for another time. What cannot be had on this machine is not tried, and told so.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { agree, startWorld } from '../../test/oauth/world.ts'
import { createPersonBrowser } from '../../test/support/person-browser.ts'
import { installNpm, installPython } from './kinds.ts'

const directory = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'sallyport-sign-in-'))
const toolsIn = (text: string): readonly string[] | undefined => /"tools": ?\[\{?"/.exec(text) === null ? undefined : [...text.matchAll(/(?:read|delete)_(?:one|all)/g)].map(([name]) => name)

/** Sends lines to a program, and its person wherever it says; resolves with what it lists. */
async function drive(command: string, args: readonly string[], { first = [], then = [], come }: { readonly first?: readonly object[]; readonly then?: readonly object[]; readonly come: (back: URL, write: (line: string) => void) => unknown }): Promise<readonly string[]> {
  const child = spawn(command, args, { env: { PATH: process.env['PATH'], HOME: mkdtempSync(join(tmpdir(), 'sallyport-home-')) } })
  const write = (line: string) => void child.stdin.write(`${line}\n`)
  const said: string[] = []
  let isSent = false
  try {
    return await new Promise((resolve, reject) => {
      const hear = (line: string): void => {
        said.push(line)
        const url = /https?:\/\/[^\s"]+\/oauth\/authorize\?[^\s"]+/.exec(line)?.[0]
        if (url !== undefined && !isSent) {
          isSent = true
          agree(url, createPersonBrowser(), ({ pathname }) => !/callback/.test(pathname) || pathname.startsWith('/login/')).then((back) => come(back, write)).catch(reject)
        }
        if (line.startsWith('{"jsonrpc"') && line.includes('"protocolVersion"')) for (const one of then) write(JSON.stringify(one))
        const tools = toolsIn(line)
        if (tools !== undefined) resolve(tools)
      }
      createInterface({ input: child.stdout }).on('line', hear)
      createInterface({ input: child.stderr }).on('line', hear)
      child.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${said.slice(-12).join('\n')}`)))
      setTimeout(() => reject(new Error(`it did not list in a minute:\n${said.slice(-12).join('\n')}`)), 60_000).unref()
      for (const one of first) write(JSON.stringify(one))
    })
  } finally {
    child.removeAllListeners('exit').kill()
  }
}

const python = (kind: string, requirement: string) => async (url: string) => {
  const home = join(directory, kind)
  if (!existsSync(join(home, 'bin/python'))) await installPython(home, requirement)
  return drive(join(home, 'bin/python'), [join(import.meta.dirname, 'sign_in.py'), kind, url], { come: (back, write) => write(back.href) })
}
const remote = async (url: string) => {
  const proxy = join(directory, 'remote/node_modules/mcp-remote/dist/proxy.js')
  if (!existsSync(proxy)) await installNpm(join(directory, 'remote'), 'mcp-remote@0.15.1')
  const first = [{ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'tried', version: '1' } } }]
  const then = [{ jsonrpc: '2.0', method: 'notifications/initialized' }, { jsonrpc: '2.0', id: 2, method: 'tools/list' }]
  return drive(process.execPath, [proxy, url, '--allow-http'], { first, then, come: (back) => fetch(back) })
}

const world = await startWorld()
try {
  for (const [name, sign] of [['mcp-remote 0.15.1', remote], ['Python mcp 1.30.0', python('mcp1', 'mcp==1.30.0')], ['Python mcp 2.3.0', python('mcp2', 'mcp==2.3.0')]] as const) {
    const told = await sign(`${world.url}/mcp/crm`).then((tools) => `signed in, ${tools.length} tools`, (error: unknown) => `FAILED ${String(error)}`)
    if (told.startsWith('FAILED')) process.exitCode = 1
    process.stdout.write(`${name}: ${told}\n`)
  }
} finally {
  await world.close()
}
process.exit()
