import { approval, approvalPage } from '../../src/admin/contract/approval.ts'
import { person } from '../contract/rows.ts'
import { openWorld, people, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())
const sam = people['sam']!

test('a reviewer approves with a reason, and the answer stands beside its requirement', async () => {
  const id = await world.hold(sam, 5000)
  const { body } = await world.post('riley', `approvals/${id}/approve`, { reason: 'for the audit of 4242424242424242' }).expect(200)
  expect(approval.parse(body)).toMatchObject({
    id, state: 'granted', requester: { subject: 'sam' }, upstream: 'crm', call: { kind: 'tool', name: 'export_customers', arguments: { limit: 5000 } },
    requirements: [{ code: 'bulk', quorum: 1, answers: [{ verdict: 'approve', reviewer: { subject: 'riley' }, reason: 'for the audit of [card]' }] }],
  })
  expect(JSON.stringify(body)).not.toContain('sealed')
  await world.post('riley', `approvals/${id}/approve`, {}).expect(409)
})

test('a denial needs a reason', async () => {
  const id = await world.hold(sam, 5000)
  for (const body of [{}, { reason: '  ' }, { reason: 7 }]) await world.post('riley', `approvals/${id}/deny`, body).expect(400)
  const { body } = await world.post('riley', `approvals/${id}/deny`, { reason: 'too much' }).expect(200)
  expect(body).toMatchObject({ state: 'refused', requirements: [{ answers: [{ verdict: 'deny', reason: 'too much' }] }] })
})

test('nothing but JSON by POST changes anything', async () => {
  const id = await world.hold(sam, 5000)
  const path = `/api/v1/approvals/${id}/approve`
  const riley = (method: 'get' | 'head' | 'post' | 'put') => world.raw()[method](path).set('authorization', 'Bearer riley')
  await riley('get').expect(405)
  await riley('head').expect(405)
  await riley('put').send({}).expect(405)
  await riley('post').expect(415)
  await riley('post').type('form').send('reason=x').expect(415)
  await riley('post').type('text/plain').send('{"reason":"x"}').expect(415)
  await riley('post').type('application/json').send('{"reason":').expect(400)
  await riley('post').send({ reason: 'x', force: true }).expect(400)
  await riley('post').send({ reason: 'x'.repeat(20_000) }).expect(413)
  expect((await world.get('riley', `approvals/${id}`)).body.state).toBe('pending')
})

test('neither the requester, nor a service, nor who lacks the role may answer', async () => {
  const own = await world.hold(people['riley']!, 5000)
  const refused = await world.post('riley', `approvals/${own}/approve`, {}).expect(403)
  expect(refused.body).toMatchObject({ code: 'own_request', detail: expect.any(String) })
  const other = await world.hold(sam, 5001)
  expect((await world.post('robot', `approvals/${other}/approve`, {}).expect(403)).body.code).toBe('not_a_person')
  for (const name of ['sam', 'ada', 'vera']) expect((await world.post(name, `approvals/${other}/approve`, {}).expect(403)).body.code).toBe('role_missing')
  expect((await world.get('riley', `approvals/${other}`)).body.state).toBe('pending')
  await world.post('riley', 'approvals/apr_99/approve', {}).expect(404)
  await world.post('riley', 'approvals/nothing/approve', {}).expect(404)
})

test('reviewers and auditors see all approvals, others their own and no trace of any other', async () => {
  const mine = await world.hold(sam, 5000)
  const theirs = await world.hold(person('bob'), 5000)
  const ids = async (name: string, query = '') => approvalPage.parse((await world.get(name, `approvals${query}`).expect(200)).body).items.map(({ id }) => id).sort()
  expect(await ids('riley')).toEqual([mine, theirs].sort())
  expect(await ids('ada', '?state=pending')).toEqual([mine, theirs].sort())
  expect(await ids('ada', '?state=granted')).toEqual([])
  expect(await ids('sam')).toEqual([mine])
  expect(await ids('vera')).toEqual([])
  await world.get('sam', `approvals/${mine}`).expect(200)
  const [hidden, missing] = [await world.get('sam', `approvals/${theirs}`).expect(404), await world.get('sam', 'approvals/apr_77').expect(404)]
  expect(hidden.body).toEqual(missing.body)
})

test('what was asked on behalf of somebody else, or by a person called alike, is no own approval', async () => {
  const bot = people['bot']!
  const mine = await world.hold(bot, 5000)
  const others = [await world.hold({ ...bot, acting_for: { issuer: bot.issuer, subject: 'bob' } }, 5000), await world.hold(person('bot'), 5000)]
  expect(approvalPage.parse((await world.get('bot', 'approvals').expect(200)).body).items.map(({ id }) => id)).toEqual([mine])
  for (const id of others) await world.get('bot', `approvals/${id}`).expect(404)
})

test('the own approvals of somebody come although many of others lie before them', async () => {
  const mine = await world.hold(sam, 5000)
  for (let other = 0; other < 6; other++) await world.hold(person(`p${other}`), 5000)
  const { body } = await world.get('sam', 'approvals?limit=2').expect(200)
  expect(body).toMatchObject({ items: [{ id: mine }] })
})
