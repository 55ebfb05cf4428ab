import { operations } from '../../src/admin/contract/index.ts'
import { me } from '../../src/admin/contract/me.ts'
import { policy } from '../../src/admin/contract/policy.ts'
import { upstreamPage } from '../../src/admin/contract/upstream.ts'
import { openWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const paths = Object.values(operations).map((operation) => [operation.method, operation.path.slice(1).replace(':id', 'apr_1')] as const)

test.each([...paths, ['get', 'nothing'] as const])('nobody without a token passes: %s %s', async (method, path) => {
  const { body, headers } = await world.raw()[method](`/api/v1/${path}`).expect(401)
  expect(headers['www-authenticate']).toBe('Bearer resource_metadata="x"')
  expect(body).toEqual({ type: 'about:blank', title: 'Unauthorized', status: 401, code: 'no_token', detail: 'a token is needed' })
})

const allowed: { readonly [path: string]: readonly string[] } = {
  sessions: ['ada', 'vera'], policy: ['ada', 'vera', 'riley', 'robot'], upstreams: ['ada', 'vera', 'riley', 'robot'],
  me: ['ada', 'vera', 'riley', 'robot', 'sam', 'overage'], approvals: ['ada', 'vera', 'riley', 'robot', 'sam', 'overage'], 'openapi.json': ['ada', 'sam'],
}
test.each(Object.entries(allowed))('%s is answered to its roles and to nobody else', async (path, may) => {
  for (const name of ['sam', 'riley', 'ada', 'vera', 'overage', 'robot']) {
    if (path === 'openapi.json' && !may.includes(name)) continue
    const { status, body } = await world.get(name, path)
    expect([name, status]).toEqual([name, may.includes(name) ? 200 : 403])
    if (status === 403) expect(body.code).toBe('role_missing')
  }
})

test('groups that are not known for certain give no role', async () => {
  const { body } = await world.get('overage', 'me').expect(200)
  expect(me.parse(body)).toMatchObject({ actor: { subject: 'overage', groups_known: false }, roles: [] })
  await world.post('overage', 'approvals/apr_1/approve', {}).expect(403)
})

test('policy and upstreams have the shapes of the contract', async () => {
  expect(policy.parse((await world.get('vera', 'policy')).body)).toMatchObject({ active: { commit: null, revision: 'r1' }, last_run: { error: 'rego/x.rego:1: no' } })
  expect(upstreamPage.parse((await world.get('vera', 'upstreams')).body).items).toHaveLength(1)
})

test('a method that a path does not have is a 405 that names those it has', async () => {
  const { headers } = await world.post('ada', 'sessions', {}).expect(405)
  expect(headers['allow']).toBe('GET, HEAD')
  const approve = await world.get('riley', 'approvals/apr_1/approve').expect(405)
  expect(approve.headers['allow']).toBe('POST')
})

test('the OpenAPI document names every operation, with the shapes', async () => {
  const { body } = await world.get('ada', 'openapi.json').expect(200)
  expect(body.openapi).toBe('3.1.0')
  for (const [name, { method, path }] of Object.entries(operations)) expect(body.paths[path.replace(':id', '{id}')][method].operationId).toBe(name)
  expect(body.paths['/approvals/{id}/deny'].post.requestBody.content['application/json'].schema.required).toEqual(['reason'])
  expect(body.paths['/sessions'].get.parameters.map(({ name }: { name: string }) => name)).toEqual(['actor', 'group', 'upstream', 'call', 'decision', 'from', 'to', 'cursor', 'limit'])
  expect(body.paths['/approvals/{id}'].get.responses[200].content['application/json'].schema.properties.state.enum).toHaveLength(7)
})
