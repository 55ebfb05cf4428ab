import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { gatewayClient, groupsOf } from './personas.ts'

const policies = fileURLToPath(new URL('../../rego', import.meta.url))

export interface DemoSettings {
  readonly directory: string
  readonly port: number
  readonly issuers: { readonly people: string; readonly ci: string }
  readonly crmUrl: string
  /** A file of YAML rules beside the demo's policies. */
  readonly rules?: string | undefined
}
/** The variable that `demo.yaml` names for the CRM's credential; it exists only in what the loader is handed. */
export const crmVariable = 'DEMO_CRM_TOKEN'
/** … and for the secret by which the gateway signs people in. */
export const idpVariable = 'DEMO_IDP_SECRET'

/** A configuration like any other, so that the demo shows what the real thing does. Nothing in it is special to the demo. */
export async function writeSettings({ directory, port, issuers, crmUrl, rules }: DemoSettings): Promise<string> {
  const fileServer = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js')
  const settings = {
    listen: { host: '127.0.0.1', port },
    public_url: `http://127.0.0.1:${port}`,
    store: { kind: 'sqlite', path: 'demo.db', key_from: { file: 'demo.key' } },
    policy: { source: { kind: 'directory', path: policies }, ...(rules === undefined ? {} : { rules: resolve(rules) }) },
    identity: {
      issuers: [
        { name: 'people', issuer: issuers.people, kind: 'person', algorithms: ['RS256'], trusted_groups: groupsOf('people') },
        { name: 'ci', issuer: issuers.ci, kind: 'service', algorithms: ['ES256'], trusted_groups: groupsOf('ci') },
      ],
      providers: [{ kind: 'oidc', name: 'people', title: 'the people of the demo', issuer: issuers.people, client_id: gatewayClient, client_secret_from: { env: idpVariable }, client_secret_method: 'post', algorithms: ['RS256'] }],
    },
    upstreams: {
      crm: { url: crmUrl, credentials: { kind: 'bearer', token_from: { env: crmVariable } }, labels: { tier: 'demo' } },
      files: { command: process.execPath, args: [fileServer, join(directory, 'files')], labels: { tier: 'demo' } },
    },
  }
  const path = join(directory, 'demo.yaml')
  await writeFile(path, `# Written by \`sallyport demo\` at each start; changes here are lost. See docs/getting-started.md.\n${stringify(settings)}`, { mode: 0o600 })
  return path
}
