import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { RequestId } from '../../src/model.ts'
import { createFlow } from '../../src/upstream/queue.ts'
import { createSwitchboard } from '../../src/upstream/switchboard.ts'

const limit = 50
const board = () =>
  createSwitchboard({
    readAddress: () => ({ kind: 'answer', id: 1 as RequestId }), answerTimeout: limit, unreadable: () => undefined,
    flow: createFlow({ pause: () => undefined, resume: () => undefined }, { high: 1_000, low: 100 }),
  })

/** A server's end and the gateway's. */
async function pair(): Promise<{ readonly server: Socket; readonly reader: Socket; close(): void }> {
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const reader = connect((listening.address() as AddressInfo).port, '127.0.0.1')
  const [server] = (await once(listening, 'connection')) as [Socket]
  return { server, reader, close: () => (reader.destroy(), server.destroy(), void listening.close()) }
}

test('an answer that came while the process stood still is no silence', async () => {
  const { server, reader, close } = await pair()
  const { deliver, expect: ask } = board()
  reader.on('data', (data) => deliver(data))
  const { items } = ask({ id: 1 as RequestId, signal: new AbortController().signal })
  server.write('the answer')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * limit)
  expect((await Array.fromAsync(items)).map(({ data }) => Buffer.from(data).toString())).toEqual(['the answer'])
  close()
})

test('silence is', async () => {
  const { items } = board().expect({ id: 1 as RequestId, signal: new AbortController().signal })
  const alive = setInterval(() => undefined, 1_000) // what is waited for keeps no process from ending
  await expect(Array.fromAsync(items)).rejects.toMatchObject({ code: 'upstream_timeout' })
  clearInterval(alive)
})
