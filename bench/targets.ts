import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { ownerOf } from '../src/workers/owner.ts'
import { registered, sam, signInBy } from '../test/oauth/world.ts'
import { freePort } from '../test/support/free-port.ts'
import { startShapedIssuer, type ShapedIssuer } from '../test/support/shaped-issuer.ts'
import { customers } from './cases.ts'
import type { LoadTarget } from './load.ts'
import { start, startProgram, type Running, type Surroundings } from './processes.ts'

/** `least` records and does nothing else; `people` is the gateway of `sallyport`, used by people who signed in at it. */
export const targetNames = ['direct', 'bare', 'least', 'sallyport', 'people'] as const
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

export const serverNames = ['sdk', 'plain', 'go'] as const

export interface TargetsOptions {
  readonly server: (typeof serverNames)[number]
  readonly workers: number
  /** Whether the least gateway that records is measured too. */
  readonly least: boolean
  /** Whether people sign in at the gateway too. */
  readonly people: boolean
}

/** The upstream, the bare proxy and the gateway, each a process of its own, with keys, token and store in `directory`. */
export async function startTargets(directory: string, { server, workers, least, people }: TargetsOptions): Promise<Targets> {
  const idp = people ? await startShapedIssuer({ ...sam }) : undefined
  const env: NodeJS.ProcessEnv = { ...(idp === undefined ? {} : { IDP_SECRET: idp.client.secret }), PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production' }
  const node = { cwd: directory, env }
  const upstream = await startUpstream(server, directory, node)
  const url = `http://127.0.0.1:${upstream.said}/mcp`
  const bare = await start('the bare proxy', [at('bare.ts'), url], /^port (\d+)$/, node)
  const recording = least ? await start('the least gateway', [at('least.ts'), url, join(directory, 'least.log')], /^port (\d+)$/, node) : undefined
  const port = await freePort()
  const tokens = await writeConfiguration(directory, port, url, workers, idp)
  const sallyport = await start('sallyport', ['--inspect-port=0', at('../src/cli/main.ts'), 'start', '--config', join(directory, 'sallyport.yaml')], /(listens at .*)$/, node)
  const signedIn = idp === undefined ? [] : await signIn(idp, port, workers)
  const plain = (own: number): LoadTarget => ({ port: own, path: '/mcp', tokens: ['none'], masks: false })
  return {
    upstream, sallyport,
    all: [
      { name: 'direct', load: plain(Number(upstream.said)), process: undefined },
      { name: 'bare', load: plain(Number(bare.said)), process: bare },
      ...(recording === undefined ? [] : [{ name: 'least', load: plain(Number(recording.said)), process: recording } as const]),
      { name: 'sallyport', load: { port, path: '/mcp/crm', tokens, masks: true }, process: sallyport },
      ...(idp === undefined ? [] : [{ name: 'people', load: { port, path: '/mcp/crm', tokens: signedIn, masks: true }, process: sallyport } as const]),
    ],
    async stop() {
      for (const one of [sallyport, recording, bare, upstream]) await one?.stop()
      await idp?.close()
    },
  }
}

async function startUpstream(server: TargetsOptions['server'], directory: string, node: Surroundings): Promise<Running> {
  const ready = /^port (\d+)$/
  if (server !== 'go') return start('the upstream', [at(`upstream-${server}.ts`)], ready, node)
  const program = join(directory, 'upstream')
  const rows = join(directory, 'customers.json')
  await promisify(execFile)('go', ['build', '-o', program, '.'], { cwd: at('upstream-go') }).catch((cause: unknown) => {
    throw new Error('--server go wants Go (go.dev/doc/install) and its modules: the server could not be built', { cause })
  })
  writeFileSync(rows, JSON.stringify(customers))
  return startProgram('the upstream', [program, rows], ready, node)
}

/** A gateway as anybody would configure it, with the shipped example policies; answers the tokens of its callers: as many as there are workers, each on another. */
async function writeConfiguration(directory: string, port: number, upstream: string, workers: number, idp: ShapedIssuer | undefined): Promise<readonly string[]> {
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
    identity: {
      issuers: [{ name: 'people', issuer, kind: 'person', trusted_groups: ['support'], jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }],
      ...(idp === undefined ? {} : { providers: [{ name: 'corp', kind: 'oidc', issuer: idp.issuer, client_id: idp.client.id, client_secret_from: { env: 'IDP_SECRET' } }], tokens: { access: '1h' } }),
    },
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

/** Tokens of the gateway's own, as clients get them for people who say yes. */
async function signIn(idp: ShapedIssuer, port: number, workers: number): Promise<readonly string[]> {
  const url = `http://127.0.0.1:${port}`
  const client = await registered(url)
  const tokens: string[] = []
  for (let worker = 0; worker < workers; worker += 1) {
    idp.shape.claims = { ...sam, sub: subjectOn(worker, idp.issuer, workers) }
    tokens.push((await signInBy(url, client)).access_token)
  }
  return tokens
}

function subjectOn(worker: number, issuer: string, workers: number): string {
  for (let n = 0; ; n += 1) if (ownerOf(issuer, `sam-${n}`, workers) === worker) return `sam-${n}`
}
