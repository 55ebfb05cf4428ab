import { eventPage, sessionPage } from '../../src/admin/contract/session.ts'
import { event, sessionRow, decision } from '../contract/rows.ts'
import { openWorld, people, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  const { records } = world.store
  await records.putSession(sessionRow('1', { actor: people['sam']!, started_at: Date.parse('2026-11-20T10:00:00Z') }))
  await records.putSession(sessionRow('2', { actor: people['riley']!, upstream: 'files', started_at: Date.parse('2026-11-21T10:00:00Z') }))
  await records.append(event('1', '1', { message: '{"jsonrpc":"2.0","id":1.0,"params":{"big":12345678901234567890,"__proto__":{"a":1}}}' }))
  await records.append(event('1', '2', { decision: decision('deny'), outcome: 'denied', closes: true }))
})
afterAll(() => world.close())

test('sessions are listed with RFC 3339 times and without the claims of anybody', async () => {
  const { body, headers } = await world.get('ada', 'sessions').expect(200)
  expect(sessionPage.parse(body).items.map(({ id }) => id)).toEqual(['ses_2', 'ses_1'])
  expect(body.items[1]).toMatchObject({ started_at: '2026-11-20T10:00:00.000Z', ended_at: null, actor: { subject: 'sam' }, events: 2, denied: 1 })
  expect(JSON.stringify(body)).not.toContain('secret_claim')
  expect(headers['cache-control']).toBe('no-store')
})

test.each([
  ['actor=sam@example.com', ['ses_1']], ['group=oncall', ['ses_2']], ['upstream=files', ['ses_2']], ['call=query', ['ses_1']], ['decision=deny', ['ses_1']],
  ['from=2026-11-21T00:00:00Z', ['ses_2']], ['to=2026-11-20T12:00:00%2B01:00', ['ses_1']], ['upstream=none', []],
])('the filter %s finds %j', async (query, ids) => {
  const { body } = await world.get('vera', `sessions?${query}`).expect(200)
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(ids)
})

test('pages follow one another by cursor', async () => {
  const first = await world.get('ada', 'sessions?limit=1').expect(200)
  const second = await world.get('ada', `sessions?limit=1&cursor=${encodeURIComponent(first.body.next_cursor)}`).expect(200)
  expect([first.body.items[0].id, second.body.items[0].id, second.body.next_cursor]).toEqual(['ses_2', 'ses_1', null])
})

test.each(['decision=maybe', 'from=yesterday', 'limit=0', 'limit=1e9', 'actr=sam', 'actor=a&actor=b', 'cursor=nonsense'])('the query %s is a 400', async (query) => {
  const { body, headers } = await world.get('ada', `sessions?${query}`).expect(400)
  expect(headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(body).toMatchObject({ status: 400, title: 'Bad Request' })
})

test('events come in order, and numbers keep their text', async () => {
  const { body, text } = await world.get('ada', 'sessions/ses_1/events').expect(200)
  expect(eventPage.parse(body).items.map(({ seq, outcome }) => [seq, outcome])).toEqual([[1, 'forwarded'], [2, 'denied']])
  expect(body.items[1].decision).toMatchObject({ kind: 'deny', reasons: [{ code: 'because' }], bundle: 'bnd_0' })
  expect(text).toContain('"message":{"jsonrpc":"2.0","id":1.0,"params":{"big":12345678901234567890,"__proto__":{"a":1}}}')
})

test('what does not exist is a 404', async () => {
  for (const path of ['sessions/ses_9', 'sessions/ses_9/events', 'sessions/apr_1', 'sessions/%00', 'nothing']) await world.get('ada', path).expect(404)
})
