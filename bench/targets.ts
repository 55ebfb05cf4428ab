import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { ownerOf } from '../src/workers/owner.ts'
import { freePort } from '../test/support/free-port.ts'
import type { LoadTarget } from './load.ts'
import { start, type Running } from './processes.ts'

export const targetNames = ['direct', 'bare', 'sallyport'] as const
export type TargetName = (typeof targetNames)[number]
export interface Target {
  readonly name: TargetName
  readonly load: LoadTarget
  /** The process that is measured; for `direct` there is none. */
  readonly process: Running | undefined
}
export interface Targets {
  readonly all: readonly Target[]
  readonly upstream: Running
  readonly sallyport: Running
  stop(): Promise<void>
}

const at = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** The upstream, the bare proxy and the gateway, each a process of its own, with keys, token and store in `directory`. */
export async function startTargets(directory: string, server: 'sdk' | 'plain', workers: number): Promise<Targets> {
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production' }
  const node = { cwd: directory, env }
  const upstream = await start('the upstream', [at(`upstream-${server}.ts`)], /^port (\d+)$/, node)
  const url = `http://127.0.0.1:${upstream.said}/mcp`
  const bare = await start('the bare proxy', [at('bare.ts'), url], /^port (\d+)$/, node)
  const port = await freePort()
  const tokens = await writeConfiguration(directory, port, url, workers)
  const sallyport = await start('sallyport', ['--inspect-port=0', at('../src/cli/main.ts'), 'start', '--config', join(directory, 'sallyport.yaml')], /(listens at .*)$/, node)
  const plain = (own: number): LoadTarget => ({ port: own, path: '/mcp', tokens: ['none'], masks: false })
  return {
    upstream, sallyport,
    all: [
      { name: 'direct', load: plain(Number(upstream.said)), process: undefined },
      { name: 'bare', load: plain(Number(bare.said)), process: bare },
      { name: 'sallyport', load: { port, path: '/mcp/crm', tokens, masks: true }, process: sallyport },
    ],
    async stop() {
      for (const one of [sallyport, bare, upstream]) await one.stop()
    },
  }
}

/** A gateway as anybody would configure it, with the shipped example policies; answers the tokens of its callers: as many as there are workers, each on another. */
async function writeConfiguration(directory: string, port: number, upstream: string, workers: number): Promise<readonly string[]> {
  const keys = await generateKeyPair('ES256', { extractable: true })
  const url = `http://127.0.0.1:${port}`
  const issuer = 'https://people.example'
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text, { mode: 0o600 })
  write('jwks.json', JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }))
  write('store.key', randomBytes(32).toString('hex'))
  write('sallyport.yaml', stringify({
    listen: { host: '127.0.0.1', port },
    public_url: url,
    workers,
    store: { kind: 'sqlite', path: 'sallyport.db', key_from: { file: 'store.key' } },
    policy: { source: { kind: 'directory', path: at('../rego') } },
    identity: { issuers: [{ name: 'people', issuer, kind: 'person', trusted_groups: ['support'], jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }] },
    limits: { sessions_per_person: 2000 },
    upstreams: { crm: { url: upstream, credentials: { kind: 'bearer', token_from: { file: 'store.key' } }, labels: { tier: 'bench' } } },
  }))
  const tokenOf = (subject: string) =>
    new SignJWT({ groups: ['support'], email: 'sam@example.com', email_verified: true })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(issuer).setSubject(subject).setAudience(`${url}/mcp/crm`).setIssuedAt().setExpirationTime('1h')
      .sign(keys.privateKey)
  return Promise.all(Array.from({ length: workers }, (_, worker) => tokenOf(subjectOn(worker, issuer, workers))))
}

function subjectOn(worker: number, issuer: string, workers: number): string {
  for (let n = 0; ; n += 1) if (ownerOf(issuer, `sam-${n}`, workers) === worker) return `sam-${n}`
}
