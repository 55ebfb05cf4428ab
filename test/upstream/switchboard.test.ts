import type { RequestId } from '../../src/model.ts'
import { createFlow } from '../../src/upstream/queue.ts'
import { createSwitchboard } from '../../src/upstream/switchboard.ts'
import { socketPair, standStill } from '../support/socket-pair.ts'

const limit = 50
const board = () =>
  createSwitchboard({
    readAddress: () => ({ kind: 'answer', id: 1 as RequestId }), answerTimeout: limit, unreadable: () => undefined,
    flow: createFlow({ pause: () => undefined, resume: () => undefined }, { high: 1_000, low: 100 }),
  })

test('an answer that came while the process stood still is no silence', async () => {
  const { server, reader, close } = await socketPair()
  const { deliver, expect: ask } = board()
  reader.on('data', (data) => deliver(data))
  const { items } = ask({ id: 1 as RequestId, signal: new AbortController().signal })
  server.write('the answer')
  standStill(10 * limit)
  expect((await Array.fromAsync(items)).map(({ data }) => Buffer.from(data).toString())).toEqual(['the answer'])
  close()
})

test('silence is', async () => {
  const { items } = board().expect({ id: 1 as RequestId, signal: new AbortController().signal })
  const alive = setInterval(() => undefined, 1_000) // what is waited for keeps no process from ending
  await expect(Array.fromAsync(items)).rejects.toMatchObject({ code: 'upstream_timeout' })
  clearInterval(alive)
})

test('what names no request is for a call, even one that was made before a subscription', async () => {
  const { deliver, expect: ask } = createSwitchboard({
    readAddress: (message) => ({ kind: 'answer', id: 1 as RequestId, ...(message.length > 1 ? { kind: 'notification' } : {}) }), answerTimeout: 1_000, unreadable: () => undefined,
    flow: createFlow({ pause: () => undefined, resume: () => undefined }, { high: 1_000, low: 100 }),
  })
  const { signal } = new AbortController()
  const { items } = ask({ id: 1 as RequestId, signal })
  const subscription = ask({ id: 2 as RequestId, subscribes: true, signal })
  deliver(Buffer.from('a log line'))
  deliver(Buffer.from('a'))
  expect((await Array.fromAsync(items)).map(({ data }) => Buffer.from(data).toString())).toEqual(['a log line', 'a'])
  deliver(Buffer.from('some news'))
  expect(await subscription.items[Symbol.asyncIterator]().next()).toMatchObject({ value: { data: Buffer.from('some news') } })
})
