import { createRequire } from 'node:module'

// Its types speak of the CommonJS form only.
const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer') as typeof import('@jest/test-sequencer')

/** What takes longest beside others, so that nothing long is left for the end where one process works alone. Jest knows it only where it ran before. */
export const longest: readonly string[] = [
  'rego/semantics', 'campaigns/faults', 'bundle/test-runs', 'flows/policy-git', 'flows/policy-one-worker', 'flows/keycloak', 'flows/policy-changes',
  'bundle/trust/custody', 'flows/clients', 'docs/ci', 'campaigns/campaigns', 'flows/slow-clients', 'flows/policy-trust', 'flows/replay', 'flows/stdio',
  'cli/session/login', 'bundle/git', 'cli/policy/policy', 'policy/regex-detour', 'bundle/bounds', 'oauth/process', 'bench/bench', 'flows/policy-killed',
  'docs/yaml-rules', 'login/saml-processes', 'flows/listed', 'flows/policy-switch', 'demo/demo', 'flows/store-faults', 'flows/broken-servers',
  'flows/system-log', 'cli/main', 'docs/policy-pipeline', 'policy/engine', 'login/saml', 'oauth/server', 'flows/policy-rollback', 'flows/workers-process',
  'flows/policy-pipeline', 'bundle/pipeline/prepare', 'bundle/rules/explain', 'bundle/opa', 'bundle/report/system-log', 'flows/policy-signing',
  'login/revocation', 'rego/roles', 'structure/suites', 'cli/session/connect', 'flows/descriptors', 'flows/sse-upstream', 'oauth/chromium', 'flows/workers',
  'flows/capacity', 'cli/compiled-code', 'cli/policy/diff', 'flows/roles', 'flows/decision-logs', 'flows/policy-flapping', 'flows/shadow',
  'credentials/rotation', 'bundle/rules/sources', 'bundle/lint/lint', 'demo/sign-in', 'flows/faults', 'oauth/acting-for',
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
