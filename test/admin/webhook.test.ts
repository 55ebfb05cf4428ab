import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { openDelivery } from '../../src/bundle/source/webhook.ts'
import { until } from '../support/conditions.ts'
import { openWorld, type World } from './world.ts'

const secret = 'a secret of some length'
let looked = 0
let refused: { status: number; code: string }[] = []
let now = 0
let world: World
beforeAll(async () => {
  world = await openWorld({ webhook: { open: (headers) => openDelivery(headers, secret, now), look: () => (looked += 1), refused: (_, refusal) => refused.push(refusal), clock: () => now } })
})
beforeEach(() => {
  looked = 0
  refused = []
  now += 3_600_000
})
afterAll(() => world.close())

const deliver = (body: string, headers: Record<string, string> = {}) => world.raw().post('/api/v1/policy/webhook').set({ 'content-type': 'application/json', ...headers }).send(body)
const signed = (body: string) => ({ 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` })

test('a delivery that is signed has the repository looked at, whatever it says and however it is written', async () => {
  for (const body of ['{"ref":"refs/heads/main"}', 'payload=%7B%7D', 'not JSON', '']) {
    const { status, body: answer } = await deliver(body, { ...signed(body), 'content-type': 'application/x-www-form-urlencoded' })
    expect([status, answer]).toEqual([202, { looking: true }])
  }
  expect([looked, refused]).toEqual([4, []])
})

test('one that is not signed, or wrongly, does nothing and is told of', async () => {
  expect((await deliver('{}').expect(401)).body.code).toBe('signature_wrong')
  await deliver('{}', signed('{"other":1}')).expect(401)
  await deliver('{}', { authorization: 'Bearer ada' }).expect(401)
  expect([looked, refused.map(({ code }) => code)]).toEqual([0, ['signature_wrong', 'signature_wrong', 'signature_wrong']])
})

test('one without end is cut off', async () => {
  const { port } = new URL(world.url)
  const socket = net.connect(Number(port), '127.0.0.1')
  socket.write('POST /api/v1/policy/webhook HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: wrong\r\nTransfer-Encoding: chunked\r\n\r\n')
  const part = `${(1024 * 1024).toString(16)}\r\n${'a'.repeat(1024 * 1024)}\r\n`
  let sent = 0
  const send = (): void => {
    while (socket.writable && socket.write(part)) sent += 1
  }
  socket.on('drain', send).on('error', () => undefined)
  send()
  const answered = await once(socket, 'data')
  expect(String(answered)).toMatch(/^HTTP\/1\.1 413 /)
  socket.destroy()
  expect([looked, refused.map(({ status }) => status), sent < 100]).toEqual([0, [413], true])
})

test('whoever is wrong again and again is not read any more, until a minute is over', async () => {
  for (let times = 0; times < 20; times += 1) await deliver('{}').expect(401)
  const { body } = await deliver('{}', signed('{}')).expect(429)
  expect([body.code, looked, refused.length]).toEqual(['too_many_deliveries', 0, 20])
  now += 60_000
  await deliver('{}', signed('{}')).expect(202)
})

test('it is no way in to anything else', async () => {
  await world.raw().get('/api/v1/policy/webhook').expect(401)
  await world.raw().post('/api/v1/policy/webhook/').set(signed('')).expect(401)
  await world.get('ada', 'policy/webhook').expect(404)
})

test('where no deliveries are meant to come, the path does not exist', async () => {
  const without = await openWorld()
  await without.raw().post('/api/v1/policy/webhook').set(signed('{}')).send('{}').expect(401)
  await without.post('ada', 'policy/webhook', {}).expect(404)
  await without.close()
})

test('one address that keeps many open is not read further, and does not keep others out for ever', async () => {
  const { port } = new URL(world.url)
  const open = Array.from({ length: 8 }, () => {
    const socket = net.connect(Number(port), '127.0.0.1').on('error', () => undefined)
    socket.write('POST /api/v1/policy/webhook HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: wrong\r\nContent-Length: 10\r\n\r\n{')
    return socket
  })
  await until(async () => (await fetch(`${world.url}/api/v1/policy/webhook`, { method: 'POST', body: '{}', headers: signed('{}') })).status === 429)
  for (const socket of open) socket.destroy()
  await until(async () => (await fetch(`${world.url}/api/v1/policy/webhook`, { method: 'POST', body: '{}', headers: signed('{}') })).status === 202)
})
