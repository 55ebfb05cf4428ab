import { createRequire } from 'node:module'

// Its types speak of the CommonJS form only.
const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer') as typeof import('@jest/test-sequencer')

/** What takes longest on a quiet machine, so that nothing long is left for the end where one process works alone. Jest knows it only where it ran before. */
export const longest: readonly string[] = [
  'flows/keycloak', 'flows/policy-one-worker', 'rego/semantics', 'flows/slow-clients', 'flows/clients', 'bundle/test-runs', 'docs/ci', 'campaigns/faults', 'flows/policy-changes',
  'bundle/trust/custody', 'flows/stdio', 'flows/policy-git', 'policy/regex-detour', 'flows/policy-trust', 'oauth/process', 'docs/yaml-rules', 'demo/demo', 'cli/session/login',
  'bundle/git', 'flows/broken-servers', 'flows/policy-killed', 'flows/workers-process', 'cli/policy/policy', 'cli/main', 'docs/policy-pipeline', 'bench/bench', 'flows/policy-switch',
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
