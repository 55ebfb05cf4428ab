import { randomBytes } from 'node:crypto'
import { importJWK, jwtVerify, SignJWT } from 'jose'
import { createKept, type Kept } from '../../src/kept.ts'
import { openSigningKeys, type SigningKeys } from '../../src/oauth/keys.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { scratch } from '../store/scratch.ts'
import { quiet } from '../support/gateway.ts'

const day = 24 * 60 * 60_000
const minute = 60_000
const time = { now: Date.parse('2026-11-21T12:00:00Z') }
const files = scratch()
let store: Awaited<ReturnType<typeof createSqliteStore>>
let kept: Kept

beforeAll(async () => {
  store = await createSqliteStore({ path: files.path, logger: quiet })
  kept = createKept(store.kept, randomBytes(32), () => time.now)
})
afterAll(async () => {
  await store.close()
  files.remove()
})

const open = (own = kept, every = 30 * day) => openSigningKeys({ kept: own, clock: () => time.now, logger: quiet, every, tokensLive: 10 * minute, onChange: () => undefined })
const sign = async (keys: SigningKeys) => {
  const [jwk] = keys.ring().jwks
  if (jwk === undefined) throw new Error('no key')
  return new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: jwk.kid ?? '' }).sign(await importJWK(jwk, 'ES256'))
}
const verifies = async (keys: SigningKeys, token: string): Promise<boolean> => {
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
  const key = await keys.verifying(kid)
  return key !== undefined && (await jwtVerify(token, key)).protectedHeader.kid === kid
}

test('processes that start together have one key, and a new one follows it in all of them', async () => {
  const several = await Promise.all(Array.from({ length: 6 }, () => open()))
  const [one, other] = several
  if (one === undefined || other === undefined) throw new Error('none')
  expect(new Set(several.map((keys) => keys.ring().signs)).size).toBe(1)
  const old = await sign(one)

  time.now += 29 * day
  await one.renew()
  expect(one.ring().signs).toBe(other.ring().signs)
  time.now += 1 * day
  await Promise.all(several.map((keys) => keys.renew()))
  expect(new Set(several.map((keys) => keys.ring().signs)).size).toBe(1)
  expect(one.ring().jwks).toHaveLength(2)
  const young = await sign(one)

  // A process that has not heard of the new key finds it by the first token.
  expect(await verifies(other, young)).toBe(true)
  expect(await verifies(other, old)).toBe(true)
  expect(await verifies(await open(), old)).toBe(true)
})

test('what a new key has signed is good in a process that had looked a moment before', async () => {
  const [one, other] = [await open(), await open()]
  time.now += 30 * day - 1
  await other.renew()
  time.now += 1
  await one.renew()
  expect(one.ring().signs).not.toBe(other.ring().signs)
  const young = await sign(one)
  expect(await Promise.all([verifies(other, young), verifies(other, young)])).toEqual([true, true])
})

test('what a new key has signed while another process reads the keys is good there too', async () => {
  let whileReading: () => Promise<unknown> = async () => undefined
  const [one, other] = [await open(), await open({ ...kept, get: async (...about) => kept.get(...about).finally(() => whileReading()) }, 1000 * day)]
  let young: Promise<boolean> | undefined
  time.now += 30 * day
  await other.renew()
  whileReading = async () => {
    whileReading = async () => undefined
    await one.renew()
    young = verifies(other, await sign(one))
  }
  expect(await other.verifying('nobody\'s')).toBeUndefined()
  expect(await young).toBe(true)
})

test('an old key is gone when what it signed is', async () => {
  const keys = await open()
  const old = await sign(keys)
  time.now += 30 * day
  await keys.renew()
  expect(await verifies(keys, old)).toBe(true)
  time.now += 16 * minute
  await keys.renew()
  expect(await verifies(keys, old)).toBe(false)
  expect(keys.ring().jwks).toHaveLength(1)
})

test('keys that were sealed under another key of the store are replaced', async () => {
  const before = await open()
  const other = createKept(store.kept, randomBytes(32), () => time.now)
  const after = await open(other)
  expect(after.ring().signs).not.toBe(before.ring().signs)
  expect((await open(other)).ring().signs).toBe(after.ring().signs)
})
