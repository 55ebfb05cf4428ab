import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createKept, type Kept } from '../../src/kept.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from './scratch.ts'

const key = randomBytes(32)
let place: ReturnType<typeof scratch>
let store: Store
let kept: Kept
let now: number

const open = async () => {
  store = await createSqliteStore({ path: place.path, logger: silent })
  kept = createKept(store.kept, key, () => now)
}
beforeEach(async () => {
  now = 1_000
  place = scratch()
  await open()
})
afterEach(async () => {
  await store.close()
  place.remove()
})

test('what is put is there, changed and counted, until it is dropped', async () => {
  await kept.put('code', 'a', { n: 1 })
  await kept.put('code', 'a', { n: 2 })
  expect(await kept.get('code', 'a')).toEqual({ value: { n: 2 }, version: 2 })
  expect(await kept.get('code', 'b')).toBeUndefined()
  expect(await kept.get('other', 'a')).toBeUndefined()
  expect(await kept.drop('code', 'a')).toBe(true)
  expect(await kept.drop('code', 'a')).toBe(false)
  expect(await kept.get('code', 'a')).toBeUndefined()
})

test('it is there after a restart, for the same key alone', async () => {
  await kept.put('code', 'a', { n: 1 }, { groups: ['g'] })
  await store.close()
  await open()
  expect(await kept.get('code', 'a')).toEqual({ value: { n: 1 }, version: 1 })
  const other = createKept(store.kept, randomBytes(32), () => now)
  expect(await other.get('code', 'a')).toBeUndefined()
  expect(await other.list('code')).toEqual([])
})

test('of many who take, add or swap at once, one succeeds', async () => {
  const ones = (all: readonly boolean[]) => all.filter(Boolean).length
  const tries = Array.from({ length: 20 })
  expect(ones(await Promise.all(tries.map(() => kept.add('seen', 'x', {}))))).toBe(1)
  expect(ones(await Promise.all(tries.map(() => kept.take('seen', 'x'))))).toBe(1)
  expect(ones(await Promise.all(tries.map((_, n) => kept.swap('seen', 'x', { n }, 1))))).toBe(1)
  expect(await kept.take('seen', 'nobody put it')).toBe(false)
})

test('what was taken stays taken when something is put in its place', async () => {
  await kept.put('token', 'x', { n: 1 })
  await kept.take('token', 'x')
  await kept.put('token', 'x', { n: 2 })
  expect(await kept.get('token', 'x')).toEqual({ value: { n: 2 }, version: 2, takenAt: 1_000 })
  expect(await kept.take('token', 'x')).toBe(false)
})

test('what has expired is not there, cannot be taken, and gives its place away', async () => {
  await kept.add('seen', 'x', {}, { expiresAt: 2_000 })
  expect(await kept.add('seen', 'x', {}, { expiresAt: 2_000 })).toBe(false)
  now = 2_000
  expect(await kept.get('seen', 'x')).toBeUndefined()
  expect(await kept.take('seen', 'x')).toBe(false)
  expect(await kept.add('seen', 'x', { again: true }, { expiresAt: 3_000 })).toBe(true)
  now = 4_000
  await kept.sweep()
  expect(await store.kept.list('seen')).toEqual([])
})

test('a group is listed and dropped together, and nothing else with it', async () => {
  await kept.put('token', 'a', { n: 'a' }, { groups: ['one', 'both'] })
  await kept.put('token', 'b', { n: 'b' }, { groups: ['two', 'both'] })
  await kept.put('other', 'c', { n: 'c' }, { groups: ['one'] })
  const names = (values: readonly { value: object }[]) => values.map(({ value }) => (value as { n: string }).n).toSorted()
  expect(names(await kept.list('token', 'both'))).toEqual(['a', 'b'])
  expect(await kept.dropGroup('token', 'one')).toBe(true)
  expect(await kept.dropGroup('token', 'one')).toBe(false)
  expect(names(await kept.list('token'))).toEqual(['b'])
  expect(names(await kept.list('other', 'one'))).toEqual(['c'])
})

test('neither names nor values can be read in the file, and a value moved elsewhere is none', async () => {
  await kept.put('token', 'name-of-a-token', { secret: 'value-of-a-token' }, { groups: ['name-of-a-group'] })
  await kept.put('token', 'mine', { n: 1 })
  const rows = await store.kept.list('token')
  for (const row of rows) await store.kept.put({ ...row, key: rows.find((each) => each !== row)!.key, groups: [] }, now)
  expect(await kept.list('token')).toEqual([])
  await store.close()
  const bytes = readFileSync(place.path)
  for (const text of ['name-of-a-token', 'value-of-a-token', 'name-of-a-group']) expect(bytes.includes(text)).toBe(false)
  await open()
})
