import { randomBytes } from 'node:crypto'
import { createKept } from '../../src/kept.ts'
import { createAdapters } from '../../src/oauth/adapter.ts'
import { createRegisteredClients } from '../../src/oauth/clients.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'

test.each(['Interaction', 'DeviceCode'])('of what anybody may begin (%s), so many are kept, and the newest of them', async (model) => {
  const place = scratch()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const kept = createKept(store.kept, randomBytes(32), Date.now)
  const clients = createRegisteredClients({ kept, clock: Date.now, most: 10 })
  const adapters = createAdapters({ kept, clock: Date.now, configured: new Map(), clients, ended: async () => undefined, tokensLive: 1000, brought: () => undefined, mostUnderWay: 5 })
  for (let times = 0; times < 20; times += 1) {
    await adapters(model).upsert(`id-${times}`, { times }, 600)
    // What goes on is no newer one.
    await adapters(model).upsert(`id-${times}`, { times, again: true }, 600)
  }
  expect(await kept.list(`oauth:${model}`)).toHaveLength(5)
  expect(await adapters(model).find('id-14')).toBeUndefined()
  expect(await adapters(model).find('id-15')).toMatchObject({ again: true })
  await store.close()
  place.remove()
})
