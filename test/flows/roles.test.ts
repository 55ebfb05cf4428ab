import { until } from '../support/conditions.ts'
import { rolesFile } from '../support/gateway-files.ts'
import { allowAll, startGateway, type TestGateway, type Who } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Who is what in the admin API is the active policy's to say, at once and in every process.

let stub: StubServer
beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({}))
})
afterAll(() => stub.close())

const sam: Who = { subject: 'sam', groups: ['support'] }
const giving = (role: string, group: string): string => `package policies.people\n\nroles contains "${role}" if "${group}" in input.actor.groups\n`
const asks = async (gateway: TestGateway, who: Who, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${await gateway.token(who, 'api')}`, ...headers } })
const rolesOf = async (gateway: TestGateway, who: Who): Promise<readonly string[]> => ((await (await asks(gateway, who, '/api/v1/me')).json()) as { roles: string[] }).roles

describe.each([1, 2])('with %d worker processes', (workers) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll, [rolesFile]: giving('auditor', 'audit') }, settings: { workers } })
  })
  afterAll(() => gateway.close())

  test('nobody has a role that policy does not give, and the refusal says how it would be given', async () => {
    expect(await rolesOf(gateway, sam)).toEqual([])
    const refused = await asks(gateway, sam, '/api/v1/sessions')
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({ code: 'role_missing', detail: expect.stringContaining('roles contains') })
  })

  test('a role comes and goes with the policy, for the same token', async () => {
    const token = await gateway.token(sam, 'api')
    const status = async () => (await fetch(`${gateway.url}/api/v1/sessions`, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await status()).toBe(403)
    gateway.writePolicy(rolesFile, giving('auditor', 'support'))
    await until(async () => (await status()) === 200)
    gateway.writePolicy(rolesFile, giving('auditor', 'audit'))
    await until(async () => (await status()) === 403)
  })

  test('a rule for a role that there is not becomes active nowhere', async () => {
    gateway.writePolicy(rolesFile, giving('root', 'support'))
    const audit: Who = { subject: 'ada', groups: ['audit'] }
    await until(async () => ((await (await asks(gateway, audit, '/api/v1/policy')).json()) as { last_run: { problems?: { code: string; file: string }[] } }).last_run.problems?.some(({ code, file }) => code === 'role_name' && file === rolesFile) === true)
    expect(await rolesOf(gateway, audit)).toEqual(['auditor'])
    gateway.writePolicy(rolesFile, giving('auditor', 'audit'))
    await until(async () => ((await (await asks(gateway, audit, '/api/v1/policy')).json()) as { last_run: { error: unknown } }).last_run.error === null)
  })

  test('groups that are not known for certain give none', async () => {
    expect(await rolesOf(gateway, { subject: 'ada', groups: ['audit'] })).toEqual(['auditor'])
    expect(await rolesOf(gateway, { subject: 'ada', groups: ['audit'], claims: { _claim_names: { groups: 'src1' } } })).toEqual([])
  })

  test('metrics through a proxy want a role beside the token', async () => {
    const proxied = { 'x-forwarded-for': '203.0.113.9' }
    expect((await fetch(`${gateway.url}/metrics`, { headers: proxied })).status).toBe(401)
    expect((await asks(gateway, sam, '/metrics', proxied)).status).toBe(403)
    expect((await asks(gateway, { subject: 'ada', groups: ['audit'] }, '/metrics', proxied)).status).toBe(200)
  })
})
