import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { startDemo } from '../../test/support/demo-process.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const directory = '.sallyport'
const run = promisify(execFile)

/** The tour uses the command line and the network as any user does, and nothing of the gateway's insides. */
export const sallyport = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
  const { stdout } = await run(process.execPath, [main, ...args], { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}
export const tokenOf = async (persona: string, audience: string): Promise<string> => (await sallyport(['token', persona, '--audience', audience])).trim()

export interface World {
  readonly url: string
  /** True where it was there before the tour. */
  readonly found: boolean
  close(): Promise<void>
}

/** A demo that is running leaves its address behind; that it answers with a token of its own people is what makes it one. */
async function findDemo(): Promise<string | undefined> {
  try {
    const { url } = JSON.parse(await readFile(`${directory}/demo.json`, 'utf8')) as { url: string }
    const token = await tokenOf('auditor', 'api')
    const { ok } = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(3000) })
    return ok ? url : undefined
  } catch {
    return undefined
  }
}

export async function openWorld(): Promise<World> {
  const running = await findDemo()
  if (running !== undefined) return { url: running, found: true, close: async () => {} }
  return { ...(await startDemo(process.cwd())), found: false }
}

export async function connect(url: string, persona: string): Promise<Client> {
  const token = await tokenOf(persona, 'mcp/crm')
  const client = new Client({ name: 'sallyport-tour', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp/crm`), { requestInit: { headers: { authorization: `Bearer ${token}` } } }))
  return client
}

export interface Api {
  get<T>(path: string): Promise<T>
  /** The status, and the body whatever it says. */
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }>
}

export async function openApi(url: string, persona: string): Promise<Api> {
  const headers = { authorization: `Bearer ${await tokenOf(persona, 'api')}`, 'content-type': 'application/json' }
  return {
    async get<T>(path: string) {
      const response = await fetch(`${url}/api/v1/${path}`, { headers })
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
      return (await response.json()) as T
    },
    async post(path, body) {
      const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      return { status: response.status, body: await response.json() }
    },
  }
}
