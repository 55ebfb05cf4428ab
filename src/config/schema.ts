import { z } from 'zod'
import { approvalSettings } from '../approval/settings.ts'
import { detectorsSettings } from '../detect/settings.ts'
import { name } from '../fields.ts'
import { bearerSettings } from '../identity/settings.ts'
import { loginSettings } from '../login/settings.ts'
import { oauthSettings } from '../oauth/settings.ts'
import { outboundSettings } from '../outbound/settings.ts'
import { policySettings } from '../bundle/settings.ts'
import { storeSettings } from '../store/settings.ts'
import { upstreamSettings } from '../upstream/settings.ts'
import { workersSettings } from '../workers/settings.ts'
import { allowedHosts, allowedOrigins, limitSettings, listenSettings, loggingSettings, metricsSettings, publicUrl, secretsSettings } from './settings.ts'

/** The configuration file, section by section in the order of its documentation. */
export const sections = {
  listen: listenSettings.prefault({}).meta({ description: 'Where the gateway listens. TLS is ended in front of it.' }),
  public_url: publicUrl.optional().meta({ description: 'The address by which clients reach the gateway; every URL that it prints begins so. Default: where it listens, if that is loopback.' }),
  allowed_hosts: allowedHosts.optional().meta({ description: 'The `Host` headers that are answered. Default: those of public_url and of the address listened on.' }),
  allowed_origins: allowedOrigins.optional().meta({ description: 'The web pages that may call the gateway, by origin. Default: those of public_url and of the address listened on.' }),
  workers: workersSettings.meta({ description: 'How many processes serve, on one store; `auto` is one for each core. Everything of one caller is on one of them. `limits.sessions`, `children` and `connections` are shared out evenly.' }),
  store: storeSettings,
  policy: policySettings.meta({ description: 'What decides.' }),
  identity: z.strictObject({ ...bearerSettings, ...loginSettings, ...oauthSettings }).prefault({}).meta({ description: 'Who may call.' }),
  limits: limitSettings.prefault({}).meta({ description: 'What one message, one caller and all together may take.' }),
  approvals: approvalSettings.prefault({}).meta({ description: 'How long a held call waits.' }),
  detectors: detectorsSettings.meta({ description: 'Detectors of your own by name, each `{ pattern: … }` in the syntax of RE2.' }),
  outbound: outboundSettings.prefault({}).meta({ description: 'What the gateway fetches for itself.' }),
  metrics: metricsSettings.optional().meta({ description: 'A port of its own for `/metrics`.' }),
  logging: loggingSettings.prefault({}).meta({ description: 'The log, as JSON lines on standard error.' }),
  secrets: secretsSettings.prefault({}).meta({ description: 'What is read again while the gateway runs.' }),
  upstreams: z.record(name('the name of a server'), upstreamSettings, { error: 'servers by name' }).meta({ description: 'The MCP servers behind the gateway, by the name under which `/mcp/<name>` reaches them.' }),
} as const

export type SectionName = keyof typeof sections
type Parsed = { readonly [S in SectionName]: z.output<(typeof sections)[S]> }

export type Frozen<T> = T extends readonly (infer E)[] ? readonly Frozen<E>[] : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

/** What was read: sections that are wrong in themselves are absent. */
export type PartialSettings = { readonly [S in SectionName]?: Frozen<Parsed[S]> }

/** The settings of a gateway, complete, frozen, with absolute paths, and without any secret. */
export type Settings = Frozen<Omit<Parsed, 'public_url' | 'allowed_hosts' | 'allowed_origins'>> & {
  /** An origin, without a slash at its end. */
  readonly public_url: string
  readonly allowed_hosts: readonly string[]
  readonly allowed_origins: readonly string[]
  /** The directory of the configuration file: where relative paths and child processes begin. */
  readonly directory: string
}
