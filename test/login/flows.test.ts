import { randomBytes } from 'node:crypto'
import { createKept } from '../../src/kept.ts'
import { cookieNames } from '../../src/login/cookies.ts'
import { createFlows } from '../../src/login/flows.ts'
import { localPath } from '../../src/login/return-path.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'

let place: ReturnType<typeof scratch>
let store: Store
let offset = 0
const clock = () => Date.now() + offset

beforeAll(async () => {
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
})
afterAll(async () => {
  await store.close()
  place.remove()
})

const start = () => {
  const kept = createKept(store.kept, randomBytes(32), clock)
  const flows = createFlows({ kept, cookies: cookieNames('https://gateway.example'), clock, most: 3 })
  const begin = async (): Promise<{ id: string; take: () => Promise<boolean> }> => {
    const id = flows.newId()
    const cookie = await flows.begin(id, { provider: 'corp', keep: {}, want: {}, returnTo: '/login' }, { rawHeaders: [] })
    return { id, take: async () => (await flows.take(id, 'corp', { rawHeaders: ['Cookie', cookie.split(';')[0] ?? ''] })).ok }
  }
  return { kept, begin }
}

test('whoever begins thousands of sign-ins fills no disk, and keeps nobody from beginning one', async () => {
  const { kept, begin } = start()
  const begun = []
  for (let times = 0; times < 8; times += 1) begun.push(await begin())
  expect(await kept.list('login:flow')).toHaveLength(3)
  expect(await Promise.all(begun.map(({ take }) => take()))).toEqual([false, false, false, false, false, true, true, true])
})

test('what has expired makes no room for anything', async () => {
  const { kept, begin } = start()
  const dropped: string[] = []
  const { drop } = kept
  kept.drop = (kind, key) => {
    dropped.push(key)
    return drop(kind, key)
  }
  for (let times = 0; times < 8; times += 1) {
    offset += 11 * 60_000
    await begin()
  }
  expect(dropped).toEqual([])
})

test('no more than a path of the gateway\'s own is kept of where somebody wants to go', () => {
  const path = `/connect/crm?${'x'.repeat(900)}`
  expect(localPath(path)).toBe(path)
  expect(localPath(`/connect/crm?${'x'.repeat(2000)}`)).toBe('/login')
})
