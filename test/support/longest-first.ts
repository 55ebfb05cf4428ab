import { createRequire } from 'node:module'

// Its types speak of the CommonJS form only.
const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer') as typeof import('@jest/test-sequencer')

/** What takes longest beside others, so that nothing long is left for the end where one process works alone. Jest knows it only where it ran before. */
export const longest: readonly string[] = [
  'campaigns/faults', 'flows/policy-changes', 'flows/policy-one-worker', 'flows/policy-git', 'bundle/test-runs', 'bundle/trust/custody', 'rego/semantics', 'flows/keycloak',
  'flows/slow-clients', 'docs/ci', 'flows/clients', 'flows/policy-trust', 'flows/stdio', 'oauth/process', 'cli/session/login', 'docs/yaml-rules', 'cli/policy/policy',
  'flows/broken-servers', 'oauth/server', 'policy/fuel', 'docs/policy-pipeline', 'demo/demo', 'campaigns/campaigns', 'bench/bench', 'bundle/git', 'cli/main', 'login/revocation',
  'flows/workers-process', 'bundle/opa', 'bundle/bounds', 'flows/listed', 'bundle/pipeline/prepare', 'flows/replay', 'policy/regex-detour', 'login/saml-processes',
  'flows/policy-rollback', 'flows/policy-killed', 'flows/policy-switch', 'flows/policy-signing', 'flows/policy-pipeline', 'policy/engine', 'flows/system-log',
  'flows/policy-flapping', 'cli/session/connect', 'flows/sse-upstream', 'credentials/rotation', 'bundle/rules/explain', 'login/saml',
].map((name) => `test/${name}.test.ts`)

type Tests = Parameters<InstanceType<typeof Sequencer>['sort']>[0]

export default class extends Sequencer {
  override async sort(tests: Tests): Promise<Tests> {
    const placeOf = (path: string): number => {
      const place = longest.findIndex((end) => path.endsWith(`/${end}`))
      return place < 0 ? longest.length : place
    }
    return [...(await super.sort(tests))].sort((one, other) => placeOf(one.path) - placeOf(other.path))
  }
}
