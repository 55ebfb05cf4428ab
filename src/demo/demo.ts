import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { showProblem } from '../config/problem.ts'
import { loadSettings } from '../config/load.ts'
import { createDetectors } from '../detect/index.ts'
import { redactText } from '../enforce/redact.ts'
import { createGateway } from '../gateway.ts'
import { createLogger } from '../logging.ts'
import { isLoopback } from '../loopback.ts'
import { startCrmServer } from './crm-server.ts'
import { writeDocuments } from './documents.ts'
import { startIdp } from './idp.ts'
import { crmVariable, idpVariable, writeSettings } from './settings.ts'
import { defaultDirectory, prepareDirectory, removeState, writeState } from './state.ts'

export interface DemoOptions {
  readonly port?: number
  /** Loopback, or the demo refuses to start: its people have no passwords. */
  readonly host?: string
  readonly directory?: string
  /** A file of YAML rules beside the demo's policies. */
  readonly rules?: string | undefined
}
export interface Demo {
  readonly url: string
  readonly log: string
  close(): Promise<void>
}

/** Why the demo cannot start, in words for whoever started it. */
export class DemoRefused extends Error {
  override readonly name = 'DemoRefused'
}

async function requireFreePort(port: number): Promise<void> {
  const probe = createServer()
  try {
    await new Promise<void>((resolve, reject) => probe.once('error', reject).listen({ host: '127.0.0.1', port, exclusive: true }, resolve))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'EADDRINUSE' ? `port ${port} is taken by another program (or another demo)` : `port ${port} cannot be used (${code})`
    throw new DemoRefused(`${why}: stop it, or choose another port, such as \`npm start -- --port ${port > 64_000 ? 8080 : port + 1000}\``)
  }
  await new Promise((resolve) => probe.close(resolve))
}

/** Everything a first look needs, on this machine only: people, two MCP servers, policies and the gateway itself. */
export async function runDemo({ port = 8080, host = '127.0.0.1', directory = defaultDirectory, rules }: DemoOptions = {}): Promise<Demo> {
  if (!isLoopback(host)) throw new DemoRefused(`the demo listens on loopback only, not on ${host}: its people need no password. Write a sallyport.yaml for anything else`)
  await requireFreePort(port)
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const path = await prepareDirectory(directory).catch((error: NodeJS.ErrnoException) => {
      throw new DemoRefused(`the demo keeps its files in ${resolve(directory)}, which cannot be written (${error.code}): start it in a directory of your own, or name one with --dir`)
    })
    const secret = randomBytes(32).toString('base64url')
    const crmToken = randomBytes(32).toString('base64url')
    const url = `http://127.0.0.1:${port}`
    const idp = await startIdp({ publicUrl: url, secret })
    closing.push(idp.close)
    const crm = await startCrmServer({ token: crmToken })
    closing.push(crm.close)
    await writeDocuments(join(path, 'files'))
    const file = await writeSettings({ directory: path, port, issuers: idp.issuers, crmUrl: crm.url, rules })
    const loaded = await loadSettings(file, { [crmVariable]: crmToken, [idpVariable]: secret })
    if (!loaded.ok) throw new DemoRefused(loaded.problems.map((problem) => showProblem(file, problem)).join('\n'))

    const detectors = createDetectors({})
    const clean = (text: string) => redactText(text.replaceAll(crmToken, '[SECRET]').replaceAll(secret, '[SECRET]'), detectors)
    const log = join(path, 'demo.log')
    const logger = createLogger({ level: 'info', file: log }, clean)
    const gateway = await createGateway({ settings: loaded.settings, secrets: loaded.secrets, logger })
    closing.push(gateway.close)
    await gateway.listen()
    await writeState(directory, { url, issuers: idp.issuers, secret, pid: process.pid })
    closing.push(() => removeState(directory))
    return { url, log, close }
  } catch (error) {
    await close()
    throw error
  }
}
