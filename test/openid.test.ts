import { basicAuth, keepFound } from '../src/openid.ts'

const shown = (id: string, secret: string): string => {
  const headers = new Headers()
  basicAuth(secret)({ issuer: 'https://issuer.example' } as Parameters<ReturnType<typeof basicAuth>>[0], { client_id: id }, new URLSearchParams(), headers)
  return Buffer.from(headers.get('authorization')?.replace('Basic ', '') ?? '', 'base64').toString()
}

test('a client shows its secret as it is, where that needs no encoding: many servers do not decode', () => {
  expect(shown('our-gateway_1.eu', '0oa-_.Secret42')).toBe('our-gateway_1.eu:0oa-_.Secret42')
})

test('what would be read as something else is encoded', () => {
  expect(shown('https://gateway.example', 'a:b c%d+ü')).toBe('https%3A%2F%2Fgateway.example:a%3Ab+c%25d%2B%C3%BC')
})

const hour = 60 * 60_000

function start({ mayBeOld = false } = {}) {
  const world = { now: 0, version: 0, times: 0, fails: false }
  const find = keepFound({
    clock: () => world.now, againAfter: 5_000, version: () => world.version, mayBeOld,
    find: async () => {
      world.times += 1
      if (world.fails) throw new Error('not now')
      return world.times
    },
  })
  return { world, find }
}

test('what was found serves for an hour, and is looked for once however many need it', async () => {
  const { world, find } = start()
  expect(await Promise.all([find(), find(), find()])).toEqual([1, 1, 1])
  world.now += hour - 1
  expect(await find()).toBe(1)
  world.now += 1
  expect(await Promise.all([find(), find()])).toEqual([2, 2])
})

test('what was found with another secret does not serve, nor does a failure with it count', async () => {
  const { world, find } = start()
  world.fails = true
  await expect(find()).rejects.toThrow('not now')
  world.fails = false
  await expect(find()).rejects.toThrow('not now')
  world.version = 1
  expect(await find()).toBe(2)
  world.version = 2
  expect(await find()).toBe(3)
})

test.each([false, true])('what cannot be found is not tried again at once, and what is old serves only where it may (%s)', async (mayBeOld) => {
  const { world, find } = start({ mayBeOld })
  await find()
  world.now += 2 * hour
  world.fails = true
  for (let times = 0; times < 3; times += 1) {
    if (mayBeOld) expect(await find()).toBe(1)
    else await expect(find()).rejects.toThrow('not now')
  }
  expect(world.times).toBe(2)
  world.now += 5_000
  world.fails = false
  expect(await find()).toBe(3)
})

test('who asks for what is true now gets that, and so does whoever asks after them', async () => {
  const { world, find } = start()
  expect(await find()).toBe(1)
  expect(await Promise.all([find({ fresh: true }), find({ fresh: true })])).toEqual([2, 2])
  expect(await find()).toBe(2)
  world.fails = true
  await expect(find({ fresh: true })).rejects.toThrow('not now')
  world.fails = false
  await expect(find({ fresh: true })).rejects.toThrow('not now')
  world.now += 5_000
  expect(await find({ fresh: true })).toBe(4)
})
