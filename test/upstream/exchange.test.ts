import { setTimeout as wait } from 'node:timers/promises'
import { createExchange } from '../../src/upstream/exchange.ts'
import { GatewayError } from '../../src/errors.ts'
import { json, startStubServer, type Answer } from '../support/stub-server.ts'

const never = new AbortController().signal
const ask = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}', signal: never, headersTimeout: 0 } as const

async function withServer<T>(answer: Answer, use: (tools: ReturnType<typeof createExchange> & { received: () => number; url: string }) => Promise<T>): Promise<T> {
  const server = await startStubServer(answer)
  const tools = createExchange(server.url)
  try {
    return await use({ ...tools, received: () => server.received.length, url: server.url })
  } finally {
    tools.close()
    await server.close()
  }
}
const text = async (body: AsyncIterable<Buffer>) => {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
const codeOf = (promise: Promise<unknown>) => promise.then(() => 'resolved', (error: unknown) => (error instanceof GatewayError ? error.code : `not a fault: ${String(error)}`))

test('the server gets the body and only the headers given', () =>
  withServer((request, response) => json(response, { body: request.body, headers: request.headers }), async ({ exchange }) => {
    const { status, body } = await exchange(ask)
    const seen = JSON.parse(await text(body)) as { body: string; headers: Record<string, string> }
    expect(status).toBe(200)
    expect(seen.body).toBe('{"a":1}')
    expect(Object.keys(seen.headers).sort()).toEqual(['connection', 'content-length', 'content-type', 'host'])
  }))

test('events arrive one by one while the server is still working', () =>
  withServer(
    async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const part of ['one', 'two', 'three']) {
        response.write(part)
        await wait(30)
      }
      response.end()
    },
    async ({ exchange }) => {
      const { body } = await exchange(ask)
      const parts: string[] = []
      for await (const chunk of body as AsyncIterable<Buffer>) parts.push(chunk.toString())
      expect(parts).toEqual(['one', 'two', 'three'])
    },
  ))

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
    body.resume()
    expect(status).toBe(307)
    expect(received()).toBe(1)
  }))

test('sockets are used again', async () => {
  const ports = new Set<number | undefined>()
  const server = await startStubServer((request, response) => json(response, { ok: request.body }))
  const { exchange, close } = createExchange(server.url)
  for (let call = 0; call < 20; call += 1) {
    const { body } = await exchange(ask)
    ports.add(body.socket.localPort)
    await text(body)
  }
  expect(ports.size).toBe(1)
  close()
  await server.close()
})
