import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { createFront } from '../../src/workers/front.ts'
import { createPeek } from '../../src/workers/peek.ts'

async function start(options: Partial<Parameters<typeof createFront>[0]> = {}) {
  const passed = Promise.withResolvers<{ head: string; claimed: unknown }>()
  const front = createFront({
    peek: createPeek({ publicUrl: 'https://gateway.example', issuers: [] }),
    pass: (socket, head, claimed) => {
      passed.resolve({ head: head.toString(), claimed })
      socket.destroy()
    },
    mostWaiting: 10, ...options,
  })
  front.server.listen(0, '127.0.0.1')
  await once(front.server, 'listening')
  const { port } = front.server.address() as AddressInfo
  return { front, passed: passed.promise, dial: () => net.connect(port, '127.0.0.1') }
}
const saidUntilClosed = async (socket: Socket): Promise<string> => {
  let said = ''
  socket.on('data', (chunk: Buffer) => (said += chunk.toString())).on('error', () => undefined)
  await new Promise((resolve) => socket.once('close', resolve)) // cut off is closed too
  return said
}

test('a connection is handed on with all that was read of it', async () => {
  const { front, passed, dial } = await start()
  const socket = dial()
  socket.write('GET / HT')
  socket.write('TP/1.1\r\nHost: x\r\n\r\nbeginning of a body')
  expect(await passed).toEqual({ head: 'GET / HTTP/1.1\r\nHost: x\r\n\r\nbeginning of a body', claimed: 'nobody' })
  await saidUntilClosed(socket)
  front.close()
})

test('who does not say in time what it wants is cut off', async () => {
  const { front, dial } = await start({ headWithin: 50 })
  const [silent, slow] = [dial(), dial()]
  slow.write('GET / HTTP/1.1\r\n')
  for (const said of await Promise.all([saidUntilClosed(silent), saidUntilClosed(slow)])) expect(said).toMatch(/^HTTP\/1\.1 408 /)
  front.close()
})

test('those who only connect do not take all the room, and are let go at the end', async () => {
  const { front, dial } = await start({ mostWaiting: 1 })
  const first = dial()
  await once(first, 'connect')
  expect(await saidUntilClosed(dial())).toBe('')
  expect(first.closed).toBe(false)
  const ended = saidUntilClosed(first)
  front.close()
  expect(await ended).toBe('')
})
