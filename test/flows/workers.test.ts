import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ownerOf } from '../../src/workers/owner.ts'
import { askApi, connect, modernMeta, startGateway, type TestGateway, type Who } from '../support/gateway.ts'
import { json, startStubServer, type StubServer } from '../support/stub-server.ts'
import { until as becomes } from '../support/conditions.ts'

const policy = `package policies.workers

allow if input.message.method in {"tools/call", "resources/read"}

deny contains {"code": "too_many"} if {
	input.message.direction == "to_server"
	input.message.call.name == "count"
	input.session.calls > 6
}

require_approval contains {"code": "asked", "reviewers": ["oncall"]} if {
	input.message.call.name == "export"
}
`
const tools = ['echo', 'count', 'export', 'wait'].map((name) => ({ name, inputSchema: { type: 'object' } }))

let stub: StubServer
let gateway: TestGateway
/** What the server does with a call of `wait`: it is answered when the test says so. */
const waits = new Map<string, (text: string) => void>()
let arrived = Promise.withResolvers<void>()

beforeAll(async () => {
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.id === undefined) return void response.writeHead(request.method === 'GET' ? 405 : 202).end()
    const answer = (result: object) => json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...result } })
    if (message.method === 'initialize') return answer({ protocolVersion: message.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } })
    if (message.method === 'tools/list') return answer({ tools })
    const args = message.params.arguments
    const text = (value: string) => ({ content: [{ type: 'text', text: value }] })
    if (message.params.name !== 'wait') return answer(text(args.blob === undefined ? JSON.stringify(args) : createHash('sha256').update(args.blob).digest('hex')))
    if (args.progress === true) response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(message.params._meta.progressToken)},"progress":1}}\n\n`)
    waits.set(args.key, (value) => (args.progress === true ? response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...text(value) } })}\n\n`) : answer(text(value))))
    response.once('close', () => response.writableFinished || waits.delete(args.key))
    arrived.resolve()
  })
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url } }, rego: { 'policies/workers/workers.rego': policy },
    settings: { workers: 2, logging: { level: 'error' } },
  })
})
afterAll(async () => {
  await gateway.close()
  await stub.close()
})

let serial = 0
/** Somebody new whose worker is the one wanted. */
function somebodyOn(worker: number, more: Partial<Who> = {}): Who {
  for (;;) {
    const subject = `somebody-${++serial}`
    if (ownerOf('https://people.example', subject, 2) === worker) return { subject, groups: ['support'], ...more }
  }
}
const childrenOf = (pid: number): readonly number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
const workerPid = (slot: number): number | undefined =>
  childrenOf(process.pid).find((pid) => new RegExp(`/src/worker\\.ts\0${slot}\0`).test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')))

/** The path of the Unix socket that a process listens on. */
function socketOf(pid: number): string {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false })?.ino))
  const rows = readFileSync('/proc/net/unix', 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
  return rows.find((row) => inodes.has(Number(row[6])) && row[7]?.endsWith('.sock') === true)?.[7] ?? ''
}

/** One kept-alive connection, whoever's requests are sent on it: the first decides which worker has it. */
function oneConnection() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<unknown>()
  return {
    sockets,
    close: () => agent.destroy(),
    send: (token: string, body: object, headers: Record<string, string> = {}): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> =>
      new Promise((resolve, reject) => {
        const request = http.request(gateway.mcp('stub'), { agent, method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...headers } }, (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }))
        })
        request.on('socket', (socket) => sockets.add(socket)).on('error', reject).end(JSON.stringify(body))
      }),
  }
}
const modern = (name: string, args: object, more: object = {}) => ({ jsonrpc: '2.0', id: ++serial, method: 'tools/call', params: { name, arguments: args, _meta: { ...modernMeta, ...more } } })
const modernHeaders = (name: string) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name })
const greeting = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'plain', version: '1' } } }
const tokenOf = (who: Who, resource = 'stub') => gateway.token(who, resource)
const metric = async (name: string): Promise<number> => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(await gateway.gateway.metrics.print())?.[1])
interface Told {
  readonly items: readonly { readonly id: string; readonly seq: number; readonly method: string; readonly kind: string; readonly outcome: string }[]
  readonly state: string
  readonly active: { readonly digest: string }
}
const api = async (who: Who, path: string, body?: object) => {
  const response = await askApi(gateway.url, await tokenOf(who, 'api'), path, body)
  return { status: response.status, body: (await response.json()) as Told }
}
/** Asks until it is so. */
const until = <T extends object>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> =>
  becomes(async () => {
    const answer = await ask()
    return isSo(answer) && answer
  })
const recordOf = async (who: Who) => {
  const auditor = somebodyOn(1, { groups: ['audit'] })
  const { body: { items } } = await api(auditor, `sessions?actor=${who.subject}`)
  return Promise.all(items.map(async ({ id }) => ({ events: (await api(auditor, `sessions/${id}/events`)).body.items })))
}

test.each([0, 1])('a session of worker %i is the same one by whatever connection its requests come', async (worker) => {
  const [owner, other] = [somebodyOn(worker), somebodyOn(1 - worker)]
  const [token, theirs] = [await tokenOf(owner), await tokenOf(other)]
  const [direct, shared] = [oneConnection(), oneConnection()]
  await shared.send(theirs, modern('echo', {}), modernHeaders('echo')) // this connection is the other worker's now
  const opened = await direct.send(token, greeting)
  const legacy = { 'mcp-session-id': String(opened.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' }
  const before = await metric('sallyport_handed_over_total')
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { a: 1 } } }
  const answers = [await direct.send(token, call, legacy), await shared.send(token, call, legacy), await direct.send(token, call, legacy)]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(new Set(answers.map(({ body }) => body))).toEqual(new Set([answers[0]?.body]))
  expect((await shared.send(token, modern('echo', {}), modernHeaders('echo'))).status).toBe(200)
  expect((await direct.send(token, modern('echo', {}), modernHeaders('echo'))).status).toBe(200)
  expect((await shared.send(theirs, call, legacy)).status).toBe(404) // somebody else's session
  expect(shared.sockets.size).toBe(1)
  expect((await metric('sallyport_handed_over_total')) - before).toBe(2)
  const record = await recordOf(owner)
  expect(record.map(({ events }) => events.filter(({ method, kind }) => method === 'tools/call' && kind === 'request').length).sort()).toEqual([2, 3])
  for (const { events } of record) expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  direct.close()
  shared.close()
})

test('the counters of one caller count what comes by either way', async () => {
  const [owner, other] = [somebodyOn(0), somebodyOn(1)]
  const [direct, shared] = [oneConnection(), oneConnection()]
  await shared.send(await tokenOf(other), modern('echo', {}), modernHeaders('echo'))
  const outcomes: boolean[] = []
  for (let call = 0; call < 8; call += 1) {
    const { body } = await (call % 2 === 0 ? direct : shared).send(await tokenOf(owner), modern('count', {}), modernHeaders('count'))
    outcomes.push(body.includes('too_many'))
  }
  expect(outcomes).toEqual([false, false, false, false, false, false, true, true])
  direct.close()
  shared.close()
})

test('nothing of a request is lost between the processes, however its bytes arrive', async () => {
  const blobs = Array.from({ length: 12 }, (_, index) => String.fromCharCode(97 + index).repeat(1000 + index * 40_000))
  await Promise.all(blobs.map(async (blob, index) => {
    const token = await tokenOf(somebodyOn(index % 2))
    const body = Buffer.from(JSON.stringify(modern('echo', { blob })))
    const headers = { ...modernHeaders('echo'), host: new URL(gateway.url).host, 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, 'content-length': String(body.length) }
    const one = Buffer.concat([Buffer.from(`POST /mcp/stub HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`), body])
    const bytes = Buffer.concat([one, one]) // the second is sent before the first is answered
    const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1')
    socket.setNoDelay(true)
    const digest = createHash('sha256').update(blob).digest('hex')
    let answered = ''
    const done = new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        answered += chunk.toString()
        if (answered.split(digest).length === 3) resolve()
      })
      socket.on('close', () => reject(new Error(`closed after ${answered}`)))
    })
    await once(socket, 'connect')
    for (let at = 0, size = 7 + index; at < bytes.length; at += size, size = Math.ceil(size * 1.7)) {
      socket.write(bytes.subarray(at, at + size))
      await new Promise(setImmediate)
    }
    await done
    expect(answered.match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    socket.destroy()
  }))
})

test('a request that announces trailers is answered alike, by whatever connection it comes', async () => {
  const [owner, other] = [await tokenOf(somebodyOn(0)), await tokenOf(somebodyOn(1))]
  const { host, port } = new URL(gateway.url)
  const body = JSON.stringify(modern('echo', {}))
  const bytesOf = (token: string, more: object) => {
    const headers = { ...modernHeaders('echo'), host, 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, 'content-length': body.length, ...more }
    return `POST /mcp/stub HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
  }
  for (const first of [owner, other]) {
    const socket = net.connect(Number(port), '127.0.0.1')
    for (const bytes of [bytesOf(first, {}), bytesOf(owner, { te: 'trailers', trailer: 'digest' })]) {
      socket.write(bytes)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
    }
    socket.destroy()
  }
})

test.each(['with its length', 'in chunks'])('what is too large is refused by whatever connection it comes: %s', async (way) => {
  const [owner, other] = [await tokenOf(somebodyOn(0)), await tokenOf(somebodyOn(1))]
  for (const first of [owner, other]) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const post = (token: string, body: Buffer) =>
      new Promise<number>((resolve, reject) => {
        const headers = { ...modernHeaders('echo'), 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}`, ...(way === 'in chunks' ? {} : { 'content-length': body.length }) }
        const request = http.request(gateway.mcp('stub'), { agent, method: 'POST', headers }, (response) => resolve(response.resume().statusCode ?? 0))
        request.on('error', reject).end(body)
      })
    expect(await post(first, Buffer.from(JSON.stringify(modern('echo', {}))))).toBe(200)
    expect(await post(owner, Buffer.alloc(1024 * 1024 + 1, ' '))).toBe(413)
    agent.destroy()
  }
})

test.each(['by a connection of its own', 'by a connection of another worker'])('a stream flows as it comes, and ends with its client: %s', async (way) => {
  const [owner, other] = [somebodyOn(1), somebodyOn(0)]
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const key = `stream ${way}`
  const token = await tokenOf(owner)
  const ask = (bearer: string, name: string, args: object, more: object) =>
    new Promise<http.IncomingMessage>((resolve, reject) => {
      const headers = { ...modernHeaders(name), 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${bearer}` }
      http.request(gateway.mcp('stub'), { agent, method: 'POST', headers }, resolve).on('error', reject).end(JSON.stringify(modern(name, args, more)))
    })
  if (way !== 'by a connection of its own') (await ask(await tokenOf(other), 'echo', {}, {})).resume()
  const response = await ask(token, 'wait', { key, progress: true }, { progressToken: 'p' })
  const [first] = (await once(response, 'data')) as [Buffer]
  expect(first.toString()).toContain('"progressToken":"p"')
  expect(waits.has(key)).toBe(true)
  response.destroy()
  agent.destroy()
  await becomes(() => !waits.has(key))
})

test('an approval answered at one worker releases the call that waits at another, once', async () => {
  const [caller, reviewer] = [somebodyOn(0), somebodyOn(1, { groups: ['oncall'] })]
  const client = await connect(gateway.mcp('stub'), await tokenOf(caller), '2025-11-25')
  const held = client.request('tools/call', { name: 'export', arguments: { rows: 7 } })
  const { body: { items } } = await until(() => api(reviewer, 'approvals?state=pending'), ({ body }) => body.items.length > 0)
  expect((await api(reviewer, `approvals/${items[0]?.id}/approve`, { reason: 'fine' })).status).toBe(200)
  expect(JSON.stringify((await held).result)).toContain('rows')
  expect((await api(reviewer, `approvals/${items[0]?.id}`)).body.state).toBe('executed')
  expect(stub.messages().filter(({ params }) => params?.['name'] === 'export')).toHaveLength(1)
})

test('a new policy is told as active when every worker has it', async () => {
  const [one, other] = [somebodyOn(0), somebodyOn(1)]
  const status = (who: Who) => api({ ...who, groups: ['ops'] }, 'policy')
  const before = (await status(one)).body.active.digest
  gateway.writePolicy('policies/stop/stop.rego', 'package policies.stop\n\ndeny contains {"code": "stopped"} if input.message.call.name == "echo"\n')
  const now = await until(() => status(one), ({ body }) => body.active.digest !== before)
  for (const who of [one, other]) {
    expect((await status(who)).body.active).toEqual(now.body.active)
    const client = await connect(gateway.mcp('stub'), await tokenOf(who), '2026-07-28')
    expect(JSON.stringify(await client.request('tools/call', { name: 'echo', arguments: {} }))).toContain('stopped')
  }
  gateway.writePolicy('policies/stop/stop.rego', 'package policies.stop\n\ndeny contains {"code": "stopped"} if input.message.call.name == "nothing"\n')
  await until(() => status(other), ({ body }) => body.active.digest !== now.body.active.digest)
})

test('the socket between workers is out of reach of others, and whoever reached it would be nobody', async () => {
  const path = socketOf(workerPid(0) ?? 0)
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const ask = (url: string, token?: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { ...modernHeaders('echo'), host: new URL(gateway.url).host, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
      http.request({ socketPath: path, path: url, method: url === '/metrics' ? 'GET' : 'POST', headers }, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject).end(url === '/metrics' ? undefined : JSON.stringify(modern('echo', {})))
    })
  expect([await ask('/mcp/stub'), await ask('/metrics'), await ask('/mcp/stub', await tokenOf(somebodyOn(0))), await ask('/mcp/stub', await tokenOf(somebodyOn(1)))]).toEqual([401, 401, 200, 500])
})

test('a worker that is killed in the middle of calls takes nothing of the other with it, and what it was at is unknown', async () => {
  const [victim, bystander] = [somebodyOn(0), somebodyOn(1)]
  const theirs = await connect(gateway.mcp('stub'), await tokenOf(bystander), '2025-11-25')
  const own = oneConnection()
  for (let call = 0; call < 5; call += 1) await own.send(await tokenOf(victim), modern('count', {}), modernHeaders('count'))
  const counted = await metric('sallyport_decisions_total{kind="allow",direction="to_server"}'.replace(/[{}"]/g, '\\$&'))
  arrived = Promise.withResolvers()
  const lost = own.send(await tokenOf(victim), modern('wait', { key: 'lost' }), modernHeaders('wait')).then(({ status }) => status, () => 'cut')
  await arrived.promise
  arrived = Promise.withResolvers()
  const kept = theirs.request('tools/call', { name: 'wait', arguments: { key: 'kept' } })
  await arrived.promise
  const killed = workerPid(0) ?? 0
  process.kill(killed, 'SIGKILL')
  // The one that takes its place is stopped before it can serve.
  let next: number | undefined
  for (; next === undefined || next === killed; next = workerPid(0)) await new Promise(setImmediate)
  process.kill(next, 'SIGSTOP')
  expect(await lost).toBe('cut')
  waits.get('kept')?.('still here')
  expect(JSON.stringify((await kept).result)).toContain('still here')
  expect((await theirs.request('tools/call', { name: 'count', arguments: {} })).status).toBe(200)
  // While its worker is away a caller is told to come again, and so is whoever asks whether all is well.
  const others = oneConnection()
  await others.send(await tokenOf(bystander), modern('echo', {}), modernHeaders('echo'))
  const token = await tokenOf(victim)
  const told = await others.send(token, modern('echo', {}), modernHeaders('echo'))
  expect([told.status, told.headers['retry-after'], JSON.parse(told.body).error.code]).toEqual([503, '1', -33002])
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503)
  others.close()
  process.kill(next, 'SIGCONT')
  await until(() => fetch(`${gateway.url}/readyz`), ({ status }) => status === 200)
  expect(await metric('sallyport_worker_restarts_total')).toBe(1)
  expect(await metric('sallyport_decisions_total{kind="allow",direction="to_server"}'.replace(/[{}"]/g, '\\$&'))).toBeGreaterThanOrEqual(counted + 1)
  const fates = async (who: Who) => (await recordOf(who)).flatMap(({ events }) => events.filter(({ method, kind }) => method === 'tools/call' && kind === 'request').map(({ outcome }) => outcome))
  expect(await fates(victim)).toEqual([...Array(5).fill('forwarded'), 'unknown'])
  expect(await fates(bystander)).toEqual(['forwarded', 'forwarded', 'forwarded'])
  const again = oneConnection()
  expect((await again.send(await tokenOf(victim), modern('count', {}), modernHeaders('count'))).body).toContain('too_many') // it was counted before
  expect(stub.messages().filter(({ params }) => JSON.stringify(params)?.includes('"lost"'))).toHaveLength(1)
  own.close()
  again.close()
})

test('while a worker hangs and the write lock is held, the other\'s callers are told 503 in a moment, and all goes on by itself', async () => {
  const ask = async (connection: ReturnType<typeof oneConnection>, who: Who) => connection.send(await tokenOf(who), modern('echo', {}), modernHeaders('echo'))
  const [victim, bystander] = [somebodyOn(0), somebodyOn(1)]
  const [own, others] = [oneConnection(), oneConnection()]
  for (const [connection, who] of [[own, victim], [others, bystander]] as const) expect((await ask(connection, who)).status).toBe(200)
  const pid = workerPid(0) ?? 0
  // Stands for a worker that is stopped inside a commit.
  const lock = new DatabaseSync(join(gateway.directory, 'sallyport.db'), { timeout: 60_000 })
  lock.exec('BEGIN IMMEDIATE')
  process.kill(pid, 'SIGSTOP')
  const began = performance.now()
  const held = ask(own, victim)
  const told = await ask(others, bystander)
  expect([told.status, told.headers['retry-after'], JSON.parse(told.body).error.code]).toEqual([503, '1', -33002])
  // Far less than after what the supervisor ends a worker that hangs.
  expect(performance.now() - began).toBeLessThan(10_000)
  process.kill(pid, 'SIGCONT')
  expect((await held).status).toBe(503)
  lock.close()
  for (const [connection, who] of [[own, victim], [others, bystander]] as const) await until(() => ask(connection, who), ({ status }) => status === 200)
  expect(workerPid(0)).toBe(pid)
  own.close()
  others.close()
})

test('however many connections come at once, as many are served as may be open', async () => {
  const token = await tokenOf(somebodyOn(0))
  const pid = workerPid(0) ?? 0
  process.kill(pid, 'SIGSTOP')
  let sent = 0
  const statuses = Array.from({ length: 1_500 }, () =>
    new Promise((resolve) => {
      const request = http.get(`${gateway.url}/healthz`, { agent: false, headers: { authorization: `Bearer ${token}` } }, (response) => response.resume().once('end', () => resolve(response.statusCode)))
      request.on('error', resolve).on('finish', () => (sent += 1))
    }))
  await becomes(() => sent === statuses.length)
  process.kill(pid, 'SIGCONT')
  expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
})

test('what several workers counted is told as one', async () => {
  const name = 'sallyport_request_seconds_count'
  const before = await metric(name)
  for (const worker of [0, 1, 1]) await (await connect(gateway.mcp('stub'), await tokenOf(somebodyOn(worker)), '2026-07-28')).request('tools/call', { name: 'count', arguments: {} })
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  expect(Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]) - before).toBe(3)
  expect(text).toMatch(/^sallyport_unjudged_total 0$/m)
  expect(text.match(/^sallyport_decisions_total\{kind="allow",direction="to_server"\} /gm)).toHaveLength(1)
})
