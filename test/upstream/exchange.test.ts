import { setTimeout as wait } from 'node:timers/promises'
import { createPooledExchange } from '../../src/upstream/exchange-pooled.ts'
import { createProxiedExchange } from '../../src/upstream/exchange-proxied.ts'
import { GatewayError } from '../../src/errors.ts'
import { json, startStubServer, type Answer } from '../support/stub-server.ts'

const never = new AbortController().signal
const ask = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}', signal: never, headersTimeout: 0 } as const

const text = async (body: AsyncIterable<Uint8Array>) => {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'resolved', (error: unknown) => (error instanceof GatewayError ? error.code : `not a fault: ${String(error)}`))

describe.each([
  ['pooled', createPooledExchange],
  ['proxied', createProxiedExchange],
] as const)('%s', (_name, createExchange) => {
  async function withServer<T>(answer: Answer, use: (tools: ReturnType<typeof createPooledExchange> & { received: () => number; url: string }) => Promise<T>): Promise<T> {
    const server = await startStubServer(answer)
    const tools = createExchange(server.url)
    try {
      return await use({ ...tools, received: () => server.received.length, url: server.url })
    } finally {
      tools.close()
      await server.close()
    }
  }
  test('the server gets the body and only the headers given', () =>
    withServer((request, response) => json(response, { body: request.body, headers: request.headers }), async ({ exchange }) => {
      const { status, body } = await exchange(ask)
      const seen = JSON.parse(await text(body)) as { body: string; headers: Record<string, string> }
      expect(status).toBe(200)
      expect(seen.body).toBe('{"a":1}')
      expect(Object.keys(seen.headers).sort()).toEqual(['connection', 'content-length', 'content-type', 'host'])
    }))

  test('events arrive one by one while the server is still working', () => {
    const parts: string[] = []
    return withServer(
      async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const part of ['one', 'two', 'three']) {
          response.write(part)
          while (!parts.includes(part)) await wait(5)
        }
        response.end()
      },
      async ({ exchange }) => {
        const { body } = await exchange(ask)
        for await (const chunk of body) parts.push(Buffer.from(chunk).toString())
        expect(parts).toEqual(['one', 'two', 'three'])
      },
    )
  })

  test('an abort reaches the server, before and after its answer began', () =>
    withServer(
      async (request, response) => {
        if (request.body === '{"slow":true}') response.writeHead(200, { 'content-type': 'text/event-stream' }).write('first')
      },
      async ({ exchange, received }) => {
        const early = new AbortController()
        const asked = codeOf(exchange({ ...ask, signal: early.signal }))
        while (received() === 0) await wait(5)
        early.abort()
        expect(await asked).toBe('upstream_broken')

        const late = new AbortController()
        const { body } = await exchange({ ...ask, body: '{"slow":true}', signal: late.signal })
        const read = text(body).then(() => 'ended', () => 'cut')
        late.abort()
        expect(await read).toBe('cut')
      },
    ))

  test('what was not sent and what may have been sent are told apart', async () => {
    const gone = await startStubServer(() => undefined)
    await gone.close()
    const refused = createExchange(gone.url)
    expect(await codeOf(refused.exchange(ask))).toBe('upstream_unreachable')
    refused.close()
    await withServer((_request, response) => void response.destroy(), async ({ exchange }) => expect(await codeOf(exchange(ask))).toBe('upstream_broken'))
    await withServer(() => undefined, async ({ exchange }) => expect(await codeOf(exchange({ ...ask, headersTimeout: 50 }))).toBe('upstream_timeout'))
  })

  test('redirects are handed back, never followed', () =>
    withServer((_request, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end(), async ({ exchange, received }) => {
      const { status, body } = await exchange(ask)
      body.destroy()
      expect(status).toBe(307)
      expect(received()).toBe(1)
    }))

  test('a protocol that nobody asked for is a broken answer, at once', () =>
    withServer((_request, response) => void response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n'), async ({ exchange }) => {
      expect(await codeOf(exchange(ask))).toBe('upstream_broken')
    }))

  test('sockets are used again', async () => {
    const ports = new Set<number | undefined>()
    const server = await startStubServer((_request, response) => json(response, { port: response.req.socket.remotePort }))
    const { exchange, close } = createExchange(server.url)
    for (let call = 0; call < 20; call += 1) {
      const { body } = await exchange(ask)
      ports.add((JSON.parse(await text(body)) as { port: number }).port)
    }
    expect(ports.size).toBeLessThan(3)
    close()
    await server.close()
  })
})

test('a server that closes idle sockets at once gets each call once at most', async () => {
  const server = await startStubServer((request, response) => {
    json(response, { got: request.body })
    response.once('finish', () => response.req.socket.destroySoon())
  })
  const { exchange, close } = createPooledExchange(server.url)
  const bodies = Array.from({ length: 200 }, (_, index) => `{"call":${index}}`)
  for (const body of bodies) await exchange({ ...ask, body }).then((answer) => text(answer.body)).catch(() => undefined)
  const counts = new Map<string, number>()
  for (const { body } of server.received) counts.set(body, (counts.get(body) ?? 0) + 1)
  expect([...counts.values()].filter((count) => count > 1)).toEqual([])
  expect(counts.size).toBeGreaterThan(100)
  close()
  await server.close()
})

test('a reader that stops holds the server back', async () => {
  let written = 0
  const server = await startStubServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const chunk = 'x'.repeat(64 * 1024)
    const fill = () => {
      while (written < 512) {
        written += 1
        if (!response.write(chunk)) return void response.once('drain', fill)
      }
      response.end()
    }
    fill()
  })
  const { exchange, close } = createPooledExchange(server.url)
  const { body } = await exchange(ask)
  const reader = body[Symbol.asyncIterator]()
  await reader.next()
  for (let last = -1; last !== written; await wait(50)) last = written
  expect(written).toBeLessThan(400)
  let read = 0
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) read += next.value.length
  expect(read).toBeGreaterThan(30 * 1024 * 1024)
  close()
  await server.close()
})
