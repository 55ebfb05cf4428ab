import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { start, type Running } from '../../bench/processes.ts'
import { writeGatewayFiles, type GatewayFiles } from '../../test/support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../../test/support/gateway-process.ts'
import { runawayPolicy } from '../faults/runaways.ts'
import type { Arrived } from '../faults/stub.ts'

const policy = `package policies.soak

allow if input.message.call.name in {"large", "ticks", "flood"}

mask contains {"detector": detector} if some detector in {"card_number", "us_ssn", "email"}
`

/** What a gateway is when its garbage is collected. */
export interface Look {
  readonly heap: number
  readonly rss: number
  /** What keeps its loop alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
  readonly files: number
  readonly threads: number
}
export interface ServerStats {
  readonly ticking: number
  readonly floods: number
  readonly floodsEnded: number
  readonly mostFlooded: number
}

/** A gateway and its server, each a process of its own. Calls that are reconciled go to `soak`, everything else to `other`. */
export interface Place {
  readonly files: GatewayFiles
  readonly gateway: GatewayProcess
  readonly server: string
  readonly store: string
  tokens(names: string, count: number, upstream: 'soak' | 'other'): Promise<readonly string[]>
  look(): Promise<Look>
  metrics(): Promise<string>
  stats(): Promise<ServerStats>
  /** Ends the server, and tells every call that reached it. */
  arrived(): Promise<readonly Arrived[]>
  close(): Promise<void>
}

export async function createPlace(): Promise<Place> {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-soak-'))
  const journal = join(scratch, 'journal.jsonl')
  const server: Running = await start('the server', [join(import.meta.dirname, 'server.ts'), journal], /^port (\d+)/, { cwd: import.meta.dirname })
  const url = `http://127.0.0.1:${server.said}/mcp`
  const files = await writeGatewayFiles({
    upstreams: { soak: { url }, other: { url } },
    rego: { 'policies/faults/faults.rego': runawayPolicy, 'policies/soak/soak.rego': policy },
    settings: { logging: { level: 'error' } },
  })
  const look = join(files.directory, 'look.json')
  const preload = new URL('preload.ts', import.meta.url).href
  const gateway = await startGatewayProcess(files, { under: ['env', `NODE_OPTIONS=--no-warnings --import=${preload}`, `SALLYPORT_LOOK=${look}`] })
  return {
    files, gateway, server: url, store: join(files.directory, 'sallyport.db'),
    tokens: (names, count, upstream) => Promise.all(Array.from({ length: count }, (_, at) => files.token({ subject: `${names}-${at}`, groups: [], expires: '24h' }, upstream))),
    async look() {
      rmSync(look, { force: true })
      process.kill(gateway.pid, 'SIGUSR2')
      while (!existsSync(look)) await wait(20)
      const { heapUsed, external, rss, resources } = JSON.parse(readFileSync(look, 'utf8'))
      const count = (what: string) => readdirSync(`/proc/${gateway.pid}/${what}`).length
      return { heap: heapUsed + external, rss, resources, files: count('fd'), threads: count('task') }
    },
    metrics: () => patiently(async () => (await fetch(`${files.url}/metrics`)).text()),
    stats: async () => (await (await fetch(new URL('/stats', url))).json()) as ServerStats,
    async arrived() {
      await server.stop()
      return readFileSync(journal, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line))
    },
    async close() {
      await gateway.kill('SIGKILL')
      await server.stop()
      rmSync(scratch, { recursive: true, force: true })
      rmSync(files.directory, { recursive: true, force: true })
    },
  }
}

/** A machine with much else to do may not take a connection in time. */
async function patiently<T>(once: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await once()
    } catch (error) {
      if (tries === 5) throw error
    }
  }
}

/** The value of one series, by its name with its labels. */
export const metricOf = (text: string, name: string): number => Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? NaN)
