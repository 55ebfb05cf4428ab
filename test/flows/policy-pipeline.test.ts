import { rolesFile } from '../support/gateway-files.ts'
import { connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// What keeps a saved change from being enforced is seen from outside, and callers notice nothing of it.

const policy = (group: string, more = ''): string => `package policies.test\n\n# METADATA\n# title: May use everything\nallow if "${group}" in input.actor.groups\n${more}`
const tested = (group: string): string => `package policies.test_test\n\nimport data.policies.test\n\ntest_may if test.allow with input as {"actor": {"groups": ["${group}"]}}\n`
const cases = (group: string): string => `- { name: may call, who: sam, call: [stub, tool, {}], want: { kind: allow } }\n- { name: others may not, who: joe, call: [stub, tool, {}], want: { kind: deny } }\n# ${group}\n`
const people = (group: string): string => `sam: { kind: person, groups: [${group}] }\njoe: { kind: person, groups: [] }\n`

let stub: StubServer
let gateway: TestGateway
beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'tool', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ resultType: 'complete', content: [{ type: 'text', text: 'done' }] }) }))
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } },
    rego: {
      [rolesFile]: 'package policies.people\n\nroles contains "operator" if "ops" in input.actor.groups\n',
      'policies/people/people_test.rego': 'package policies.people_test\n\nimport data.policies.people\n\ntest_operator if people.roles == {"operator"} with input as {"actor": {"groups": ["ops"]}}\n',
      'policies/test/test.rego': policy('support'), 'policies/test/test_test.rego': tested('support'), 'cases/people.yaml': people('support'), 'cases/all.yaml': cases('support'),
    },
    settings: { policy: { source: { kind: 'directory', path: 'rego' }, tests: { coverage: 100 } } },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

interface Found {
  readonly stage: string
  readonly file: string | null
  readonly row: number | null
  readonly code: string
  readonly remedy: string | null
}
interface View {
  readonly active: { readonly digest: string }
  readonly last_run: { readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]; readonly error: string | null; readonly problems: readonly Found[]; readonly warnings: readonly Found[] }
}
const view = async (): Promise<View> => {
  const token = await gateway.token({ subject: 'ola', groups: ['ops'] }, 'api')
  return (await (await fetch(`${gateway.url}/api/v1/policy`, { headers: { authorization: `Bearer ${token}` } })).json()) as View
}
const metric = async (line: string): Promise<number> => Number(new RegExp(`^${line.replaceAll(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(await gateway.gateway.metrics.print())?.[1] ?? Number.NaN)
const call = async (): Promise<string> => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: 'sam', groups: ['support'] }, 'stub'), '2026-07-28')
  return JSON.stringify(await client.request('tools/call', { name: 'tool', arguments: {} }))
}

test('every stage is told with its time, and counted', async () => {
  const { last_run } = await view()
  expect(last_run.stages.map(({ name, ok }) => `${name} ${ok}`)).toEqual(['read', 'check', 'semantics', 'lint', 'fmt', 'test', 'build', 'cases', 'order', 'activate'].map((name) => `${name} true`))
  expect(last_run).toMatchObject({ error: null, problems: [], warnings: [] })
  expect(await metric('sallyport_policy_stage_seconds_count{stage="cases"}')).toBe(1)
  expect(await metric('sallyport_policy_problems{level="error"}')).toBe(0)
})

const failures: readonly (readonly [code: string, stage: string, where: string, file: string, text: string])[] = [
  ['unknown_value', 'lint', 'policies/test/test.rego', 'policies/test/test.rego', policy('support', '\ndeny contains {"code": "x", "message": "x"} if input.actor.kind == "persn"\n')],
  ['test_failed', 'test', 'policies/test/test_test.rego', 'policies/test/test.rego', policy('sales')],
  ['coverage', 'test', 'policies/test/test.rego', 'policies/test/test.rego', policy('support', '\nallow_other if input.actor.kind == "agent"\n')],
  ['case_failed', 'cases', 'cases/all.yaml', 'cases/all.yaml', cases('support').replace('kind: allow', 'kind: deny')],
]
test.each(failures)('%s at %s is not enforced, and is told with its line and what to do', async (code, stage, where, file, text) => {
  const before = await view()
  const counted = await metric(`sallyport_policy_stage_failures_total{stage="${stage}"}`)
  gateway.writePolicy(file, text)
  await gateway.gateway.pipeline.run()
  const { active, last_run } = await view()
  expect(last_run.problems).toMatchObject([{ stage, file: where, row: expect.any(Number) as number, code, remedy: expect.any(String) as string }])
  expect(last_run.stages.at(-1)).toMatchObject({ name: stage, ok: false })
  expect(active).toEqual(before.active)
  expect(await metric(`sallyport_policy_stage_failures_total{stage="${stage}"}`)).toBeGreaterThan(counted)
  expect(await metric('sallyport_policy_problems{level="error"}')).toBe(1)
  expect(await call()).toContain('done')
  gateway.writePolicy('policies/test/test.rego', policy('support'))
  gateway.writePolicy('cases/all.yaml', cases('support'))
  await gateway.gateway.pipeline.run()
})

test('callers go on while new policies are prepared and switched in, and not one call fails', async () => {
  const before = await view()
  const answers: string[] = []
  let going = true
  const calling = (async () => {
    while (going) answers.push(await call())
  })()
  gateway.writePolicy('policies/test/test.rego', policy('support', '\nallow if "cleared" in input.actor.groups\n'))
  gateway.writePolicy('policies/test/test_test.rego', `${tested('support')}\ntest_cleared if test.allow with input as {"actor": {"groups": ["cleared"]}}\n`)
  const run = await gateway.gateway.pipeline.run()
  going = false
  await calling
  expect(run.problems).toEqual([])
  expect((await view()).active.digest).not.toBe(before.active.digest)
  expect(answers.length).toBeGreaterThan(5)
  expect(answers.filter((answer) => !answer.includes('done'))).toEqual([])
})
