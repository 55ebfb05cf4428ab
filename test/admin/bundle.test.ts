import { openWorld, type World } from './world.ts'

const files: Record<string, string> = { bnd_1: 'the first', bnd_2: 'the second' }
let active: string | undefined
let world: World
beforeAll(async () => {
  world = await openWorld({ bundle: { active: () => active, read: async (digest) => (files[digest] === undefined ? undefined : Buffer.from(files[digest])) } })
})
beforeEach(() => {
  active = 'bnd_1'
})
afterAll(() => world.close())

const get = (headers: Record<string, string> = {}, who = 'vera') => fetch(`${world.url}/api/v1/policy/bundle`, { headers: { authorization: `Bearer ${who}`, ...headers } })

test('the active bundle is served with its digest as ETag, and as what a client may wait for', async () => {
  const response = await get()
  expect([response.status, response.headers.get('etag'), response.headers.get('content-type')]).toEqual([200, '"bnd_1"', 'application/vnd.openpolicyagent.bundles'])
  expect(await response.text()).toBe('the first')
})

test.each([['"bnd_1"', 304], ['W/"bnd_1"', 304], ['"bnd_0", "bnd_1"', 304], ['"bnd_0"', 200], ['bnd_1', 200]])('If-None-Match: %s is answered %i', async (etag, status) => {
  const response = await get({ 'if-none-match': etag })
  expect([response.status, response.headers.get('etag')]).toEqual([status, '"bnd_1"'])
})

test('who has it already and waits is answered when there is another', async () => {
  const waiting = get({ 'if-none-match': '"bnd_1"', prefer: 'modes=snapshot,delta;wait=60' })
  await get() // whatever came first has been read by now
  active = 'bnd_2'
  const response = await waiting
  expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([200, '"bnd_2"', 'the second'])
})

test('who waits in vain is told so when the time is over, and who has another does not wait', async () => {
  expect((await get({ 'if-none-match': '"bnd_1"', prefer: 'wait=1' })).status).toBe(304)
  expect((await get({ 'if-none-match': '"bnd_0"', prefer: 'wait=300' })).status).toBe(200)
  expect((await get({ prefer: 'wait=300' })).status).toBe(200)
})

test('it is for the roles that see the policy', async () => {
  for (const [who, status] of [['sam', 403], ['overage', 403], ['riley', 200], ['ada', 200], ['nobody', 401]] as const) expect([who, (await get({}, who)).status]).toEqual([who, status])
  expect((await world.post('vera', 'policy/bundle', {}).expect(405)).headers['allow']).toBe('GET, HEAD')
})

test('where there is none, or its file is gone, that is said', async () => {
  active = undefined
  expect((await world.get('vera', 'policy/bundle').expect(503)).body.code).toBe('no_bundle')
  active = 'bnd_3'
  const { body, headers } = await world.get('vera', 'policy/bundle').expect(503)
  expect(body.code).toBe('bundle_unreadable')
  expect(headers['etag']).not.toBe('"bnd_3"')
})
