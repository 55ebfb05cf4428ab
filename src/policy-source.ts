import { withRules } from './bundle/rules/with-rules.ts'
import { createSource } from './bundle/source/create.ts'
import type { Source } from './bundle/source/source.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import { tlsOfSource } from './config/tls.ts'
import type { Clock } from './model.ts'

/** Where the settings say that the policies come from. A copy of a repository is kept beside the store, or in `directory`. */
export const createPolicySource = (settings: Settings, secrets: Secrets, directory = `${settings.store.path}.source`, clock: Clock = Date.now): Source =>
  completed(settings, createSource({
    source: settings.policy.source,
    verify: settings.policy.verify,
    secret: (name) => secrets.get(`policy.source.${name}`),
    verifySecret: (index) => secrets.get(`policy.verify.keys.${index}.secret`),
    clock,
    tls: tlsOfSource(settings.policy.source, secrets),
    directory,
  }))

/** … and the second bundle, which is judged without effect. */
export const createShadowSource = (settings: Settings, source: Settings['policy']['source'], secrets: Secrets, clock: Clock): Source =>
  completed(settings, createSource({
    source,
    secret: (name) => secrets.get(`policy.shadow.source.${name}`),
    verifySecret: () => '',
    clock,
    tls: tlsOfSource(source, secrets, 'policy.shadow.source'),
    directory: `${settings.store.path}.shadow`,
  }))

const completed = ({ policy, upstreams, identity }: Settings, source: Source): Source =>
  withRules(source, {
    file: policy.rules,
    known: {
      upstreams: Object.keys(upstreams),
      issuers: identity.issuers.map(({ name }) => name),
      groups: identity.issuers.flatMap(({ trusted_groups }) => trusted_groups),
    },
  })
