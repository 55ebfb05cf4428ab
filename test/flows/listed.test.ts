import { fc } from '../support/property.ts'
import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

const hints = [{}, { readOnlyHint: true }, { readOnlyHint: false, destructiveHint: true }, { destructiveHint: false }, { audience: ['user'] }]
const annotated = (names: readonly string[]) => names.map((name, at) => ({ name, annotations: hints[at % hints.length] }))
const catalogue = {
  tools: [...annotated(['alpha', 'beta', 'gamma', 'delta', 'alpha2']), { name: 'twice', annotations: { readOnlyHint: true } }, { name: 'twice', annotations: { destructiveHint: true } }].map((tool) => ({ ...tool, inputSchema: { type: 'object' } })),
  prompts: annotated(['alpha', 'beta', 'omega']),
  resources: annotated(['mem://alpha', 'mem://beta', 'file:///gamma']).map(({ name: uri, annotations }) => ({ uri, name: 'r', annotations })),
  resourceTemplates: annotated(['mem://{alpha}', 'file:///{path}']).map(({ name: uriTemplate, annotations }) => ({ uriTemplate, name: 't', annotations })),
}

let stub: StubServer
let gateway: TestGateway
let clients: PlainClient[]

beforeAll(async () => {
  const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'public' }
  stub = await startStubServer(mcpAnswers({
    'tools/list': (params) => (params['cursor'] === 'p2' ? { ...complete, tools: catalogue.tools.slice(3) } : { ...complete, tools: catalogue.tools.slice(0, 3), nextCursor: 'p2' }),
    'prompts/list': () => ({ ...complete, prompts: catalogue.prompts }),
    'resources/list': () => ({ ...complete, resources: catalogue.resources }),
    'resources/templates/list': () => ({ ...complete, resourceTemplates: catalogue.resourceTemplates }),
    'tools/call': () => ({ ...complete, content: [] }),
    'prompts/get': () => ({ ...complete, messages: [] }),
    'resources/read': () => ({ ...complete, contents: [] }),
    'completion/complete': () => ({ ...complete, completion: { values: [] } }),
  }))
})
const seen = { listed: 0, hidden: 0 }
afterAll(async () => {
  await stub?.close()
  expect(Math.min(seen.listed, seen.hidden)).toBeGreaterThan(50) // the property is not true of nothing
})

const start = async (allow: string) => {
  gateway = await startGateway({ upstreams: { stub: { url: stub.url, labels: { tier: 'gold', zone: 'eu' } } }, rego: { 'policies/random/random.rego': `package policies.random\n\n${allow}` } })
  clients = []
  for (const groups of [['support'], ['ops'], []]) {
    for (const revision of ['2025-11-25', '2026-07-28']) clients.push(await connect(gateway.mcp('stub'), await gateway.token({ subject: `user-${groups}`, groups }, 'stub'), revision))
  }
}
afterEach(async () => gateway?.close())

const isUnknown = ({ error }: Awaited<ReturnType<PlainClient['request']>>): boolean => error !== undefined && /^Unknown (?:tool|prompt): |^Resource not found$/.test(error.message)

interface Use {
  readonly method: string
  readonly params: object
}
const uses: Record<keyof typeof catalogue, (name: string) => Use> = {
  tools: (name) => ({ method: 'tools/call', params: { name, arguments: {} } }),
  prompts: (name) => ({ method: 'prompts/get', params: { name } }),
  resources: (uri) => ({ method: 'resources/read', params: { uri } }),
  resourceTemplates: (uri) => ({ method: 'completion/complete', params: { ref: { type: 'ref/resource', uri }, argument: { name: 'a', value: '' } } }),
}
const nameOf = (entry: Record<string, unknown>) => String(entry['uri'] ?? entry['uriTemplate'] ?? entry['name'])

async function listed(client: PlainClient, kind: keyof typeof catalogue): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (let cursor: unknown, first = true; first || cursor !== undefined; first = false) {
    const { result } = await client.request(kind === 'resourceTemplates' ? 'resources/templates/list' : `${kind}/list`, cursor === undefined ? {} : { cursor })
    for (const entry of (result?.[kind] ?? []) as Record<string, unknown>[]) names.add(nameOf(entry))
    cursor = result?.['nextCursor']
  }
  return names
}

/** What differs between the lists and the calls of every client; calls come first, or after the lists. */
async function differences(callsFirst: boolean): Promise<readonly string[]> {
  const found: string[] = []
  for (const [index, client] of clients.entries()) {
    for (const kind of Object.keys(catalogue) as (keyof typeof catalogue)[]) {
      const names = [...new Set((catalogue[kind] as Record<string, unknown>[]).map(nameOf))]
      const before = callsFirst ? undefined : await listed(client, kind)
      const known = new Set<string>()
      for (const name of names) {
        const { method, params } = uses[kind](name)
        if (!isUnknown(await client.request(method, params))) known.add(name)
      }
      const after = before ?? (await listed(client, kind))
      seen.listed += after.size
      seen.hidden += names.length - after.size
      for (const name of names) if (after.has(name) !== known.has(name)) found.push(`client ${index}: ${kind} ${name} is ${after.has(name) ? 'listed' : 'not listed'}, and ${known.has(name) ? 'known' : 'unknown'} to a call`)
    }
  }
  return found
}

const call = 'input.message.call'
const condition = fc.constantFrom(
  `${call}.name == "alpha"`, `startswith(${call}.name, "mem://")`, `${call}.name in {"beta", "omega", "twice", "mem://{alpha}"}`, `contains(${call}.name, "a")`,
  '"support" in input.actor.groups', '"ops" in input.actor.groups', 'count(input.actor.groups) == 0',
  'input.upstream.labels.tier == "gold"', 'input.upstream.labels.zone == "us"',
  `${call}.annotations.readOnlyHint == true`, `not ${call}.annotations.destructiveHint`, `${call}.annotations.destructiveHint == true`, `${call}.annotations.audience[_] == "user"`,
  `${call}.kind == "tool"`, `${call}.kind == "resource"`, `${call}.template == false`, 'input.message.method == "prompts/get"', 'input.message.revision == "2026-07-28"',
)
const rule = fc.uniqueArray(condition, { minLength: 1, maxLength: 3 }).map((parts) => `allow if {\n${parts.map((part) => `\t${part}`).join('\n')}\n}\n`)
const rules = fc.uniqueArray(rule, { minLength: 1, maxLength: 4 }).map((all) => all.join('\n'))

test.each(fc.sample(rules, { numRuns: 8, seed: 20261121 }).map((allow, index) => [index, allow] as const))('policy %i: a tool, prompt or resource is listed exactly when a call of it is not answered as unknown', async (index, allow) => {
  await start(allow)
  expect(await differences(index % 2 === 0)).toEqual([])
})
