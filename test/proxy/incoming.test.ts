import { createIncoming } from '../../src/proxy/incoming.ts'

const MiB = 1024 * 1024

test('one caller has 64 MiB, all together four times that, and what is given back can be taken again', () => {
  const incoming = createIncoming(MiB)
  const ada = incoming.open('ada')
  expect(ada.take(64 * MiB)).toBe(true)
  expect(incoming.open('ada').take(1)).toBe(false)
  const others = ['bob', 'cid', 'dan'].map((who) => incoming.open(who))
  for (const load of others) expect(load.take(64 * MiB)).toBe(true)
  const eve = incoming.open('eve')
  expect(eve.take(MiB + 1)).toBe(false)
  ada.end()
  ada.end()
  expect(eve.take(64 * MiB)).toBe(true)
  expect(incoming.open('ada').take(MiB + 1)).toBe(false)
  eve.end()
  expect(incoming.open('ada').take(MiB + 1)).toBe(true)
})

test('where others have taken all the room, everybody has some for one message', () => {
  const incoming = createIncoming(MiB)
  for (const who of ['ada', 'bob', 'cid', 'dan']) incoming.open(who).take(64 * MiB)
  expect(incoming.open('eve').take(MiB)).toBe(true)
  expect(incoming.open('eve').take(1)).toBe(false)
  expect(incoming.open('fay').take(1)).toBe(true)
})
