import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../../support/conditions.ts'
import { createTerminal, type Terminal } from './terminal.ts'

// What answers as a gateway may be anything, and so may what a client writes.

const program = join(import.meta.dirname, '../../../src/cli/main.ts')
const token = 'eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl'
let gateway: Server
let elsewhere: Server
let me: Terminal
const strangers: string[] = []

const listen = async (handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> => {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const json = { 'content-type': 'application/json' }
const answers: Readonly<Record<string, (response: ServerResponse, id: unknown, shown: string) => void>> = {
  redirect: (response) => response.writeHead(307, { location: `${addressOf(elsewhere)}/mcp/crm` }).end(),
  echo: (response, id, shown) => response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -1, message: `not with ${shown}` } })),
  page: (response, _id, shown) => response.writeHead(502, { 'content-type': 'text/html' }).end(`<h1>Bad gateway</h1>\u001b[2J${shown}`),
  pretty: (response, id) => response.writeHead(200, json).end(JSON.stringify({ jsonrpc: '2.0', id, result: { of: 'many\nlines' } }, null, 2)),
  stranger: (response, id) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: {"jsonrpc":"2.0",\ndata: "id":${JSON.stringify(id)},\ndata: "result":{"from":"a stream"}}\n\ndata: nothing that anybody could read\n\n`),
  endless(response) {
    response.writeHead(200, json)
    const more = Buffer.alloc(1024 * 1024, ' ')
    const write = (): void => {
      while (!response.destroyed && response.write(more));
      if (!response.destroyed) response.once('drain', write)
    }
    write()
  },
}

beforeAll(async () => {
  me = createTerminal()
  elsewhere = await listen(({ headers }, response) => {
    strangers.push(String(headers.authorization))
    response.end()
  })
  gateway = await listen(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    const { id, method } = JSON.parse(body) as { id?: unknown; method: string }
    answers[method.replace('notifications/', '')]?.(response, id, String(request.headers.authorization))
  })
})
afterAll(() => {
  for (const server of [gateway, elsewhere]) {
    server.close()
    server.closeAllConnections()
  }
  me.close()
})

function start(env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['--no-warnings', program, 'connect', 'crm'], { env: { ...me.env, SALLYPORT_URL: addressOf(gateway), SALLYPORT_TOKEN: token, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const heard: string[] = []
  const text = { err: '' }
  createInterface({ input: child.stdout }).on('line', (line) => void heard.push(line))
  child.stderr.setEncoding('utf8').on('data', (part: string) => void (text.err += part))
  child.stdin.on('error', () => undefined) // it may end before it has read everything
  return { child, heard, text, ended: once(child, 'close').then(([code]: (number | null)[]) => code), answer: (id: number) => until(() => heard.map((line) => JSON.parse(line) as { id: unknown }).find((message) => message.id === id)) }
}

test('whatever a gateway answers, a client gets lines of JSON, and nobody gets the token', async () => {
  const { child, heard, text, ended, answer } = start()
  const ask = (id: number, method: string) => {
    child.stdin.write(`{"jsonrpc":"2.0","id":${id},"method":"${method}"}\n`)
    return answer(id)
  }
  expect(await ask(1, 'redirect')).toMatchObject({ error: { message: expect.stringContaining('307') } })
  expect(await ask(2, 'echo')).toMatchObject({ error: { message: 'not with Bearer [TOKEN]' } })
  expect(await ask(3, 'page')).toMatchObject({ error: { message: expect.stringContaining('502') } })
  expect(await ask(4, 'pretty')).toMatchObject({ result: { of: 'many\nlines' } })
  expect(await ask(5, 'stranger')).toMatchObject({ result: { from: 'a stream' } })
  expect(await ask(6, 'endless')).toMatchObject({ error: { message: expect.stringContaining('67108864 bytes') } })
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/page"}\n')
  await until(() => text.err.includes('Bad gateway'))
  child.stdin.write('no JSON\n[]\n{"jsonrpc":"2.0","id":{"a":1},"method":"a\\r\\nX-Injected: yes"}\n')
  await until(() => heard.filter((line) => line.includes('-32700')).length === 2)
  child.stdin.end()
  expect(await ended).toBe(0)
  expect(strangers).toEqual([])
  expect(`${heard.join('\n')}${text.err}`).not.toContain(token)
  expect(text.err).not.toContain('\u001b')
})

test('a line without an end is refused in words', async () => {
  const { child, text, ended } = start()
  const part = 'x'.repeat(1024 * 1024)
  // Written at once: it ends before it has read everything.
  for (let times = 0; times < 66; times += 1) child.stdin.write(part)
  expect(await ended).toBe(3)
  expect(text.err).toContain('larger than 67108864 bytes')
})

test.each([['two lines', `${token}\nX: y`], ['a blank', `${token} more`], ['a sign of no header', `${token}…`]])('a token of the environment with %s is refused, and not quoted', async (_what, given) => {
  const { child, heard, text, ended } = start({ SALLYPORT_TOKEN: given })
  child.stdin.end('{"jsonrpc":"2.0","id":1,"method":"echo"}\n')
  expect(await ended).toBe(2)
  expect([heard, text.err]).toEqual([[], 'sallyport connect: SALLYPORT_TOKEN is not a bearer token: letters, digits and . _ ~ + / - only\n'])
})
