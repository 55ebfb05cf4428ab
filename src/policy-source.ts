import { withRules } from './bundle/rules/with-rules.ts'
import { createSource } from './bundle/source/create.ts'
import type { Source } from './bundle/source/source.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import { tlsOfSource } from './config/tls.ts'
import type { Clock } from './model.ts'

/** Where the settings say that the policies come from. A copy of a repository is kept beside the store, or in `directory`. */
export const createPolicySource = (settings: Settings, secrets: Secrets, directory = `${settings.store.path}.source`, clock: Clock = Date.now): Source =>
  withRules(createSource({
    source: settings.policy.source,
    verify: settings.policy.verify,
    secret: (name) => secrets.get(`policy.source.${name}`),
    verifySecret: (index) => secrets.get(`policy.verify.keys.${index}.secret`),
    clock,
    tls: tlsOfSource(settings.policy.source, secrets),
    directory,
  }), {
    file: settings.policy.rules,
    known: {
      upstreams: Object.keys(settings.upstreams),
      issuers: settings.identity.issuers.map(({ name }) => name),
      groups: settings.identity.issuers.flatMap(({ trusted_groups }) => trusted_groups),
    },
  })
