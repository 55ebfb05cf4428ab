import { randomBytes } from 'node:crypto'
import { createKept } from '../../src/kept.ts'
import { createRegisteredClients } from '../../src/oauth/clients.ts'
import { createAddressRate, createTally } from '../../src/oauth/rates.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'

// Addresses of one host, as Node writes them: whoever has an IPv6 network has all of it (RFC 6177).
const hosts: readonly (readonly [string, readonly string[]])[] = [
  ['a network with zeros', ['2001:db8::1', '2001:db8::2', '2001:db8::1:0:0:1', '2001:db8:0:0:1::']],
  ['a network without', ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6']],
  ['the machine\'s neighbours', ['fe80::1', 'fe80::2']],
  ['one IPv4 address, however it is written', ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201']],
]
const strangers = ['192.0.2.2', '2001:db8:0:1::1', '2001:db9::1', '', 'not an address']

test.each(hosts)('%s comes as often as one address may', async (_, addresses) => {
  const mayGo = createAddressRate('tries', 3, createTally(() => 0))
  expect((await Promise.all([...addresses, ...addresses].map(mayGo))).filter(Boolean)).toHaveLength(3)
  for (const stranger of strangers) expect(await mayGo(stranger)).toBe(true)
})

test.each(hosts)('%s makes room first, whatever addresses of its own it registers from', async (_, addresses) => {
  const place = scratch()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  const clients = createRegisteredClients({ kept: createKept(store.kept, randomBytes(32), Date.now), clock: Date.now, most: 4 })
  const register = async (id: string, address: string): Promise<void> => {
    expect(await clients.makeRoom()).toBe(true)
    await clients.from(address, () => clients.keep(id, { client_name: id }))
  }
  await register('mine', '198.51.100.1')
  for (const [at, address] of [...addresses, ...addresses, ...addresses].entries()) await register(`theirs ${at}`, address)
  expect(await clients.find('mine')).toEqual({ client_name: 'mine' })
  await store.close()
  place.remove()
})
