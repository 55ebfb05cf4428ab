import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openSdkV2, type RealClient } from '../../test/support/clients.ts'
import { allowAll, startGateway } from '../../test/support/gateway.ts'
import { attempt, installNpm, installPython } from './kinds.ts'

export interface TriedServer {
  readonly name: string
  readonly version: string
  /** Undefined where it cannot be had here. */
  readonly ok: boolean | undefined
  readonly told: string
}
interface ServerKind {
  readonly name: string
  readonly version: string
  readonly command: string
  readonly args: readonly string[]
  install(): Promise<unknown>
  use(client: RealClient): Promise<string>
  readonly expects: RegExp
}

const run = promisify(execFile)

/** Servers of others as child processes of a gateway, each listed and called by a client of the newest era. */
export async function tryServers(directory: string, isWanted: (name: string) => boolean, say: (line: string) => void): Promise<readonly TriedServer[]> {
  const kinds = kindsIn(directory).filter(({ name }) => isWanted(name))
  const tried: TriedServer[] = []
  for (const kind of kinds) {
    const installed = await attempt(kind.name, say, kind.install)
    const outcome = installed ? await tryOne(kind).catch((error: unknown) => ({ ok: false, told: String(error).slice(0, 300) })) : { ok: undefined, told: 'it cannot be had here' }
    say(`${kind.name}: ${outcome.told}`)
    tried.push({ name: kind.name, version: kind.version, ...outcome })
  }
  return tried
}

async function tryOne({ command, args, use, expects }: ServerKind): Promise<{ ok: boolean; told: string }> {
  const gateway = await startGateway({ upstreams: { tried: { command, args } }, rego: { 'policies/open/open.rego': allowAll } })
  try {
    const client = await openSdkV2('auto')(gateway.mcp('tried'), await gateway.token({ subject: 'sam', groups: ['support'] }, 'tried'))
    const tools = await client.tools()
    const text = await use(client)
    await client.close()
    const ok = expects.test(text)
    return { ok, told: ok ? `${client.revision}, ${tools.length} tools, called` : text.slice(0, 300) }
  } finally {
    await gateway.close()
  }
}

function kindsIn(directory: string): readonly ServerKind[] {
  const repository = join(directory, 'repository')
  const text = async (client: RealClient, name: string, args: Record<string, unknown>) => (await client.call(name, args)).text
  return [
    {
      name: '@bytebase/dbhub', version: '1.4.0', command: process.execPath, args: [join(directory, 'dbhub/node_modules/@bytebase/dbhub/dist/index.js'), '--demo', '--transport', 'stdio'],
      install: () => installNpm(join(directory, 'dbhub'), '@bytebase/dbhub@1.4.0'),
      use: (client) => text(client, 'execute_sql', { sql: 'SELECT 41 + 1 AS n' }),
      expects: /42/,
    },
    {
      name: 'mcp-server-git', version: '2026.10.19', command: join(directory, 'git/bin/mcp-server-git'), args: ['--repository', repository],
      async install() {
        await installPython(join(directory, 'git'), 'mcp-server-git==2026.10.19')
        await run('git', ['init', '--quiet', repository])
      },
      use: (client) => text(client, 'git_status', { repo_path: repository }),
      expects: /branch/i,
    },
    {
      name: 'mcp-server-time', version: '2026.10.19', command: join(directory, 'time/bin/mcp-server-time'), args: ['--local-timezone', 'UTC'],
      install: () => installPython(join(directory, 'time'), 'mcp-server-time==2026.10.19'),
      use: (client) => text(client, 'convert_time', { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo' }),
      expects: /21:00/,
    },
  ]
}
