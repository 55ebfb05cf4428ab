import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { startChild } from '../../src/upstream/child.ts'
import { Outdated } from '../../src/upstream/exchange.ts'
import { createPooledExchange } from '../../src/upstream/exchange-pooled.ts'
import { json, startStubServer } from '../support/stub-server.ts'

// Whatever had to be waited for, the last look is at the moment of the first byte.

const ask = { method: 'POST', headers: { 'content-type': 'application/json' }, signal: new AbortController().signal, headersTimeout: 0 } as const

test('an exchange that waits for its connection begins only if it still may', async () => {
  const silent = net.createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const got: Buffer[] = []
  silent.on('connection', (socket) => socket.on('data', (bytes) => got.push(bytes)))
  const { port } = silent.address() as net.AddressInfo
  const { exchange, close } = createPooledExchange(`http://127.0.0.1:${port}/mcp`)
  let current = true
  const sent = exchange({ ...ask, body: '"one"', mayBegin: () => current })
  current = false // before there can be a connection
  await expect(sent).rejects.toBeInstanceOf(Outdated)
  current = true
  const later = exchange({ ...ask, body: '"two"', mayBegin: () => current })
  later.catch(() => undefined)
  while (!Buffer.concat(got).includes('two')) await wait(5)
  expect(Buffer.concat(got).toString()).not.toContain('one')
  close()
  silent.close()
})

test('what did not begin leaves its connection to others', async () => {
  const ports = new Set<number | undefined>()
  const server = await startStubServer((_request, response) => json(response, { port: response.req.socket.remotePort }))
  const { exchange, close } = createPooledExchange(server.url)
  for (let call = 0; call < 10; call += 1) {
    await expect(exchange({ ...ask, body: '"never"', mayBegin: () => false })).rejects.toBeInstanceOf(Outdated)
    const { body } = await exchange({ ...ask, body: '"sent"', mayBegin: () => true })
    ports.add((JSON.parse(Buffer.from(await body.whole(1000, 1000)).toString()) as { port: number }).port)
  }
  expect(server.received.map(({ body }) => body)).toEqual(Array.from({ length: 10 }, () => '"sent"'))
  expect(ports.size).toBeLessThan(3)
  close()
  await server.close()
})

test('a line that waits behind a full pipe is written only if it still may, and those behind it are', async () => {
  const program = `
    process.once('SIGUSR2', () => {
      let all = ''
      process.stdin.on('end', () => process.exit()).on('data', (chunk) => {
        all += chunk
        if (all.endsWith('last\\n')) console.log(JSON.stringify(all.split('\\n').map((line) => line.slice(0, 5))))
      })
    })
    setInterval(() => undefined, 1000)
    console.log(process.pid)` // the handler is there when the number is read
  const started = Promise.withResolvers<number>()
  const printed = Promise.withResolvers<string>()
  const child = startChild({ command: process.execPath, args: ['-e', program], env: {}, maxLine: 1024 * 1024 }, {
    line: (line) => {
      const text = Buffer.from(line).toString()
      if (text.startsWith('[')) printed.resolve(text)
      else started.resolve(Number(text))
      return 0
    },
    complaint: () => 0, gone: () => undefined, drained: () => undefined,
  })
  const pid = await started.promise
  let current = true
  const full = child.write(`full ${'x'.repeat(2 * 1024 * 1024)}`, () => current)
  expect(await full.begun).toBe(true)
  const kept = child.write('kept back', () => current)
  const last = child.write('last', () => true)
  current = false
  process.kill(pid, 'SIGUSR2')
  expect(await full.written).toBe(true)
  expect([await kept.begun, await kept.written, await last.written]).toEqual([false, false, true])
  expect(JSON.parse(await printed.promise)).toEqual(['full ', 'last', ''])
  await child.stop()
})

test('a child that is stopped is given what waits for it first', async () => {
  const lines: string[] = []
  const drained = new EventTarget()
  const child = startChild({ command: 'cat', args: [], env: {}, maxLine: 1000 }, { line: (line) => (lines.push(Buffer.from(line).toString()), 0), complaint: () => 0, gone: () => undefined, drained: () => drained.dispatchEvent(new Event('end')) })
  const over = once(drained, 'end')
  for (const line of ['one', 'two', 'three']) child.write(line, () => true)
  await child.stop()
  await over
  expect(lines).toEqual(['one', 'two', 'three'])
})
