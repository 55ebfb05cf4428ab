import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { stringify } from 'yaml'
import { freePort } from './free-port.ts'
import { storeDirectory } from './scratch.ts'

export interface Who {
  readonly subject: string
  readonly groups: readonly string[]
  readonly issuer?: 'people' | 'machines'
  readonly email?: string
  readonly claims?: Readonly<Record<string, unknown>>
  /** `10m` where nothing else is said. */
  readonly expires?: string
}
export interface GatewayFilesOptions {
  readonly upstreams: Readonly<Record<string, unknown>>
  /** Rego by file name, e.g. `{ 'policies/crm/crm.rego': '…' }`. */
  readonly rego: Readonly<Record<string, string>>
  readonly settings?: Readonly<Record<string, unknown>>
  /** An earlier gateway's directory, to start again on its store. */
  readonly directory?: string
}
export interface GatewayFiles {
  readonly url: string
  readonly directory: string
  readonly config: string
  /** A token for one upstream, or for the API. */
  token(who: Who, resource: string): Promise<string>
  mcp(upstream: string): string
  writePolicy(name: string, text: string): void
}

/** Who is what in the admin API, unless a test has a file of this name itself. */
export const rolesFile = 'policies/people/people.rego'
export const roles = `package policies.people

roles contains "reviewer" if "oncall" in input.actor.groups

roles contains "auditor" if "audit" in input.actor.groups

roles contains "operator" if "ops" in input.actor.groups
`

const issuers = { people: 'https://people.example', machines: 'https://machines.example' } as const
const keys = await generateKeyPair('ES256', { extractable: true })

/** What a gateway on a free port is started from, with its own keys, policies and place for the store. */
export async function writeGatewayFiles(options: GatewayFilesOptions): Promise<GatewayFiles> {
  const directory = options.directory ?? storeDirectory('sallyport-')
  const write = (name: string, text: string, mode?: number) => {
    const file = join(directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, mode === undefined ? {} : { mode })
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  if (options.directory === undefined) {
    write('jwks.json', JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] }))
    write('store.key', randomBytes(32).toString('hex'), 0o600)
  }
  if (options.directory === undefined) write(join('rego', rolesFile), roles)
  for (const [name, text] of Object.entries(options.rego)) write(join('rego', name), text)
  const issuer = { jwks: { file: 'jwks.json' }, algorithms: ['ES256'] }
  const content = {
    listen: { host: '127.0.0.1', port },
    public_url: url,
    store: { kind: 'sqlite', path: 'sallyport.db', key_from: { file: 'store.key' } },
    policy: { source: { kind: 'directory', path: 'rego' } },
    identity: {
      issuers: [
        { name: 'people', issuer: issuers.people, kind: 'person', trusted_groups: ['support', 'oncall', 'audit', 'ops'], ...issuer },
        { name: 'machines', issuer: issuers.machines, kind: 'service', trusted_groups: ['ci'], ...issuer },
      ],
    },
    upstreams: options.upstreams,
    ...options.settings,
  }
  write('sallyport.yaml', stringify(content))
  return {
    url, directory,
    config: join(directory, 'sallyport.yaml'),
    mcp: (upstream) => `${url}/mcp/${upstream}`,
    token: ({ subject, groups, issuer: from = 'people', email, claims = {}, expires = '10m' }, resource) =>
      new SignJWT({ groups, ...(email === undefined ? {} : { email, email_verified: true }), ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer(issuers[from]).setSubject(subject).setAudience(resource === 'api' ? `${url}/api/v1` : `${url}/mcp/${resource}`)
        .setIssuedAt().setExpirationTime(expires).sign(keys.privateKey),
    writePolicy: (name, text) => write(join('rego', name), text),
  }
}
