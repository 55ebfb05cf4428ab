import type { ApprovalView } from '../../src/admin/contract/approval.ts'
import { askApi, connect } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { until } from '../support/conditions.ts'
import { registered, sam, signInBy, startWorld, type World } from '../oauth/world.ts'

const policy = `package policies.two

allow if input.actor.kind == "person"

roles contains "reviewer" if "oncall" in input.actor.groups

require_approval contains {"code": "both", "reviewers": ["oncall"], "quorum": 2} if {
	input.message.direction == "to_server"
	input.message.call.name == "delete_one"
}
`
let world: World
let client: string

beforeAll(async () => {
  world = await startWorld({ rego: { 'policies/two/two.rego': policy }, settings: { approvals: { hold: '10m' } } })
  client = await registered(world.url)
})
afterAll(() => world.close())

async function signIn(subject: string, groups: readonly string[], resource: string) {
  world.idp.shape.claims = { ...sam, sub: subject, email: `${subject}@example.com`, groups }
  const browser = createPersonBrowser()
  const { access_token: token } = await signInBy(world.url, client, { browser, resource, scope: resource.endsWith('/v1') ? 'api' : 'mcp:crm' })
  return { browser, token }
}
const review = (subject: string) => signIn(subject, ['oncall'], `${world.url}/api/v1`)
const ask = async (token: string, path: string, body?: object): Promise<Response> =>
  askApi(world.url, token, path, body)
const approve = async ({ token }: { readonly token: string }, id: string) => (await (await ask(token, `approvals/${id}/approve`, { reason: 'fine' })).json()) as ApprovalView

test('the yes of a reviewer whose account has ended does not count for the next; who comes back may say it anew', async () => {
  const { token } = await signIn('asker', [], `${world.url}/mcp/crm`)
  const call = (await connect(`${world.url}/mcp/crm`, token, '2025-11-25')).request('tools/call', { name: 'delete_one', arguments: {} })
  const [first, second] = [await review('rita'), await review('rob')]
  const id = await until(async () => ((await (await ask(first.token, 'approvals?state=pending')).json()) as { items: { id: string }[] }).items[0]?.id)
  expect(await approve(first, id)).toMatchObject({ state: 'pending' })
  await first.browser.submit(await first.browser.visit(`${world.url}/logout`), {}, 'value="everywhere"')
  expect(await approve(second, id)).toMatchObject({ state: 'pending', requirements: [{ answers: [{ verdict: 'approve' }, { verdict: 'withdrawn', reviewer: { subject: 'rita' }, reason: 'the account of this reviewer has ended' }, { verdict: 'approve', reviewer: { subject: 'rob' } }] }] })
  expect(await approve(await review('rita'), id)).toMatchObject({ state: 'granted' })
  expect((await call).result).toMatchObject({ content: [{ text: 'did delete_one' }] })
})
