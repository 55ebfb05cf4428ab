import { once } from 'node:events'
import { Abort, toPlatform } from '../../src/abort.ts'
import type { Pending } from '../../src/proxy/session.ts'
import { watchSilence } from '../../src/proxy/silence.ts'
import { socketPair, standStill } from '../support/socket-pair.ts'

const limit = 50
const call = () => {
  const abort = new Abort()
  return { abort, silence: watchSilence({ request: { method: 'tools/call' }, abort } as Pending, limit) }
}

test.each(['the last', 'one of several'])('a message that came while the process stood still ends the silence: %s', async (which) => {
  const { server, reader, close } = await socketPair()
  const { abort, silence } = call()
  const read = once(reader, 'data')
  reader.once('data', () => (which === 'the last' ? silence?.end() : silence?.heard()))
  server.write('a message')
  standStill(10 * limit)
  await read
  await new Promise((resolve) => setImmediate(resolve))
  expect(abort.signal.aborted).toBe(false)
  silence?.end()
  close()
})

test('a server that says nothing is given up', async () => {
  const { abort } = call()
  const alive = setInterval(() => undefined, 1_000) // what is waited for keeps no process from ending
  await once(toPlatform(abort), 'abort')
  clearInterval(alive)
  expect(abort.signal.reason).toMatchObject({ code: 'upstream_timeout' })
})
