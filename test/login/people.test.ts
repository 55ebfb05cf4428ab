import { registered, signInBy, startWorld, type World } from '../oauth/world.ts'
import { allowAll, connect, post } from '../support/gateway.ts'

let world: World
const roles = `package policies.roles

# METADATA
# title: Operators
roles contains "operator" if "ops" in input.actor.groups
`
beforeAll(async () => {
  // Another page may call the gateway; its own pages may anyway.
  world = await startWorld({ settings: { allowed_origins: ['https://console.example'] }, rego: { 'policies/open/open.rego': allowAll, 'policies/roles/roles.rego': roles } })
})
afterAll(() => world.close())

const api = `/api/v1/people`
/** Somebody of these groups, with a token for the API. */
async function signIn(sub: string, groups: readonly string[]): Promise<string> {
  world.idp.shape.claims = { sub, groups }
  return (await signInBy(world.url, await registered(world.url), { resource: `${world.url}/api/v1`, scope: 'api' })).access_token
}
const ask = async (path: string, token: string, body?: unknown) => {
  const response = await fetch(`${world.url}${path}`, { headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }) })
  return { status: response.status, body: (await response.json()) as { items: readonly { id: string; subject: string; groups: readonly string[] }[]; code?: string } }
}

test('an operator sees who is signed in, and ends it at once', async () => {
  const client = await registered(world.url)
  const tokens = await signInBy(world.url, client)
  const open = await connect(world.gateway.mcp('crm'), tokens.access_token, '2025-11-25')
  expect((await open.request('tools/list')).status).toBe(200)
  const [ada, olga] = [await signIn('ada', ['support']), await signIn('olga', ['ops'])]
  expect((await ask(api, ada)).status).toBe(403)
  const { body } = await ask(api, olga)
  expect(body.items.map(({ subject }) => subject).sort()).toEqual(['ada', 'olga', 'sam'])
  const sam = body.items.find(({ subject }) => subject === 'sam')
  expect(sam).toMatchObject({ groups: ['support'], provider: 'corp', renewable: false })
  const id = sam?.id ?? ''
  expect((await ask(`${api}/${id}/end`, ada, { reason: 'left' })).status).toBe(403)
  expect((await ask(`${api}/${id}/end`, olga, {})).status).toBe(400)
  expect((await ask(`${api}/acc_nobody/end`, olga, { reason: 'left' })).status).toBe(404)
  expect((await ask(`${api}/${id}/end`, olga, { reason: 'left the company' })).status).toBe(200)
  expect((await post(world.gateway.mcp('crm'), tokens.access_token, { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })).status).toBe(401)
  const again = await fetch(`${world.url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: client, refresh_token: tokens.refresh_token }) })
  expect(again.status).toBe(400)
  expect((await ask(api, olga)).body.items.map(({ subject }) => subject)).not.toContain('sam')
})
