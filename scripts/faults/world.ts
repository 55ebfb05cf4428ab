import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askApi } from '../../test/support/gateway.ts'
import { writeGatewayFiles, type GatewayFiles } from '../../test/support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../../test/support/gateway-process.ts'
import { atExit } from './at-exit.ts'
import { storeTooSlow, unlessTooBusy } from './busy.ts'
import { createCaller, type Caller } from './caller.ts'
import { readStore } from './store-rows.ts'
import { reconcile, type Journals, type Reconciled } from './reconcile.ts'
import { startStub, type Stub } from './stub.ts'

const policy = `package policies.faults

allow if input.message.call.name == "work"
`

/** How many people a caller stands for: no limit of one person's is met. */
const people = 16

/** Whoever writes there may still be dying. */
const remove = (directory: string) => rmSync(directory, { recursive: true, force: true, maxRetries: 10 })

/** A gateway, its server and its callers, each keeping its own journal outside the store. */
export interface World {
  readonly files: GatewayFiles
  readonly stub: Stub
  readonly store: string
  gateway(): GatewayProcess
  /** Starts the gateway, again if it ended. */
  start(under?: readonly string[]): Promise<GatewayProcess>
  caller(prefix: string): Promise<Caller>
  /** What the server got, what is recorded and what these callers got. */
  journals(...callers: readonly Caller[]): Journals
  /** Joins them. */
  reconcile(...callers: readonly Caller[]): Reconciled
  /** Asks the admin API as somebody who may review and audit. */
  api(path: string, body?: object): Promise<Response>
  metric(name: string): Promise<number>
  close(): Promise<void>
}

/** Under what a gateway is started that loads a module before its own code, and finds in its environment what that is to read. */
export const preloaded = (module: string, env: Readonly<Record<string, string>>): readonly string[] =>
  ['env', `NODE_OPTIONS=--no-warnings --import=${new URL(module, import.meta.url).href}`, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]

export interface WorldOptions {
  /** How long the server takes, in milliseconds. */
  readonly delay?: number
  /** Where the store is, if not beside everything else. */
  readonly store?: string
  readonly rego?: string
  readonly settings?: Readonly<Record<string, unknown>>
}

export async function createWorld({ delay = 2, store, rego = policy, settings = {} }: WorldOptions = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-faults-'))
  const removeDirectory = atExit(() => remove(directory))
  const stub = await startStub(join(directory, 'stub.jsonl'), delay)
  const path = store ?? 'sallyport.db'
  const files = await writeGatewayFiles({
    upstreams: { stub: { url: stub.url } }, rego: { 'policies/faults/faults.rego': rego },
    settings: { store: { kind: 'sqlite', path, key_from: { file: 'store.key' } }, logging: { level: 'warn' }, ...settings },
  })
  const removeFiles = atExit(() => remove(files.directory))
  const where = store ?? join(files.directory, path)
  let current: GatewayProcess | undefined
  let kill = (): void => undefined
  const endGateway = atExit(() => kill())
  const gateway = () => {
    if (current === undefined) throw new Error('no gateway was started')
    return current
  }
  const journals = (...callers: readonly Caller[]): Journals => ({ stub: stub.arrived(), store: readStore(where), client: callers.flatMap(({ calls }) => calls) })
  return {
    files, stub, gateway, journals, store: where,
    async start(under) {
      if (current !== undefined) await current.ended
      current = await unlessTooBusy(() => startGatewayProcess(files, { begun: (how) => void (kill = how), ...(under === undefined ? {} : { under }) }), store === undefined ? [storeTooSlow] : [])
      return current
    },
    async caller(prefix) {
      const tokens = await Promise.all(Array.from({ length: people }, (_, index) => files.token({ subject: `person-${index}`, groups: [], expires: '12h' }, 'stub')))
      return createCaller(files.mcp('stub'), tokens, prefix)
    },
    reconcile: (...callers) => reconcile(journals(...callers)),
    async api(path, body) {
      const token = await files.token({ subject: 'rita', groups: ['oncall', 'audit'], expires: '12h' }, 'api')
      return askApi(files.url, token, path, body)
    },
    async metric(name) {
      const text = await (await fetch(`${files.url}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? NaN)
    },
    async close() {
      endGateway()
      await current?.ended
      await stub.stop()
      removeFiles()
      removeDirectory()
    },
  }
}
