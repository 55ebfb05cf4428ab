import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HttpChannel } from '../../src/proxy/channel.ts'
import { createOutboxes, type StreamLog } from '../../src/proxy/outbox.ts'
import { sseComment, writeSseEvent } from '../../src/wire/sse.ts'
import { printJson } from '../../src/wire/json.ts'

const server = createServer()
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** A client's request, as the gateway has it. */
async function ask(): Promise<{ response: ServerResponse; client: Promise<IncomingMessage> }> {
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  const client = new Promise<IncomingMessage>((resolve, reject) => get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, resolve).on('error', reject))
  return { response: (await asked)[1], client }
}
const says = (text: string) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { text } })

test('a stream that ends while what was missed cannot be told is over: its channel is not held', async () => {
  let now = 1000
  const outboxes = createOutboxes(() => now)
  const outbox = outboxes.open(() => 'name', 'ada')
  let log: StreamLog | undefined
  const first = await ask()
  const channel = new HttpChannel({
    response: first.response, answers: 1, print: printJson, writeEvent: writeSseEvent, comment: sseComment(), unjudged: () => undefined, log: (own) => (log ??= outbox.open(own, false)), primes: () => true,
  })
  channel.stream()
  await channel.notify(says('one'))
  const left = await first.client
  left.destroy()
  await once(first.response, 'close')
  await channel.notify(says('two'))

  const second = await ask()
  const again = Promise.withResolvers<undefined>()
  const resumed = channel.resume(second.response, 2, () => again.promise)
  void second.client.then((response) => response.on('error', () => undefined), () => undefined)
  await channel.answer({ envelope: { jsonrpc: '2.0', id: 1, result: {} } })
  expect(channel.isOver).toBe(true)
  again.reject(new Error('it cannot be recorded'))
  await expect(resumed).rejects.toThrow('it cannot be recorded')
  const id = log?.idOf(2) ?? ''
  expect(outbox.find(id)).toMatchObject({ channel: undefined })
  now += 3_600_000
  outboxes.sweep()
  expect(outbox.find(id)).toBeUndefined()
})
