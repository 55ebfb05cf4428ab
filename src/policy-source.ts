import { withRules } from './bundle/rules/with-rules.ts'
import { createSource } from './bundle/source/create.ts'
import { largestBundle, usualPatience } from './bundle/source/server/download.ts'
import type { Source } from './bundle/source/source.ts'
import type { Settings } from './config/schema.ts'
import { readSecret, type Secrets } from './config/secrets.ts'
import { tlsOfSource } from './config/tls.ts'
import type { Clock } from './model.ts'
import type { Outbound } from './outbound/outbound.ts'

/** Where the settings say that the policies come from. A copy of a repository is kept beside the store, or in `directory`. */
export const createPolicySource = (settings: Settings, secrets: Secrets, outbound: Outbound, directory = `${settings.store.path}.source`, clock: Clock = Date.now): Source =>
  completed(settings, createSource({
    source: settings.policy.source,
    verify: settings.policy.verify,
    credential: credentialOf(settings, settings.policy.source, secrets, 'policy.source'),
    verifySecret: (index) => secrets.get(`policy.verify.keys.${index}.secret`),
    clock,
    ...reachOf(settings.policy.source, outbound, tlsOfSource(settings.policy.source, secrets)),
    directory,
  }))

/** … and the second bundle, which is judged without effect. */
export const createShadowSource = (settings: Settings, source: Settings['policy']['source'], secrets: Secrets, outbound: Outbound, clock: Clock): Source =>
  completed(settings, createSource({
    source,
    credential: credentialOf(settings, source, secrets, 'policy.shadow.source'),
    verifySecret: () => '',
    clock,
    ...reachOf(source, outbound, tlsOfSource(source, secrets, 'policy.shadow.source')),
    directory: `${settings.store.path}.shadow`,
  }))

/** The configuration names the server, so it may be inside the network. */
const reachOf = (source: Settings['policy']['source'], outbound: Outbound, tls: ReturnType<typeof tlsOfSource>) => ({
  fetch: outbound.fetchFor({
    purpose: 'policy', tls, largest: largestBundle, unpack: false,
    ...(source.kind === 'bundle' ? { configured: [source.url], within: usualPatience + (source.wait ?? 0) } : {}),
  }),
  addressesOf: (origin: string) => outbound.addressesOf(origin, { purpose: 'policy', configured: [origin] }),
})

/** What hands out short-lived secrets puts the next one where the last one was. */
const credentialOf = ({ directory }: Settings, source: Settings['policy']['source'], secrets: Secrets, at: string) => async (): Promise<string> => {
  const credentials = 'credentials' in source ? source.credentials : undefined
  if (credentials === undefined) throw new Error(`there are no ${at}.credentials`)
  const [name, from] = credentials.kind === 'deploy_key' ? (['key', credentials.key_from] as const) : (['token', credentials.token_from] as const)
  if ('env' in from) return secrets.get(`${at}.credentials.${name}`)
  const read = await readSecret(from, directory, process.env)
  if (!read.ok) throw new Error(`${at}.credentials.${name}_from: found ${read.found}, expected ${read.expected}`)
  return read.value
}

const completed = ({ policy, upstreams, identity }: Settings, source: Source): Source =>
  withRules(source, {
    file: policy.rules,
    known: {
      upstreams: Object.keys(upstreams),
      issuers: identity.issuers.map(({ name }) => name),
      groups: identity.issuers.flatMap(({ trusted_groups }) => trusted_groups),
    },
  })
