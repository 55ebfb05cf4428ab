import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { readRecorded } from '../../src/cli/policy/recorded.ts'
import { startCrmServer, type CrmServer } from '../../src/demo/crm-server.ts'
import { lostOf } from '../../src/places.ts'
import { readers } from '../../src/store/index.ts'
import { findNativeOpa } from '../bundle/native-opa.ts'
import { connect, startGateway, type TestGateway, type Who } from '../support/gateway.ts'

// The demo's policies on traffic of several people: what a server for OPA's decision logs and status gets of it, and what a native opa says to the same.

interface Logged {
  readonly labels: Record<string, string>
  readonly decision_id: string
  readonly bundles: { readonly sallyport: { readonly revision: string } }
  readonly path: string
  readonly input: unknown
  readonly result: { readonly kind: string; readonly reasons: readonly { readonly code: string; readonly rule: string }[] }
  readonly masked?: readonly string[]
  readonly erased?: readonly string[]
  readonly requested_by: string
  readonly timestamp: string
}
const policies = resolve(import.meta.dirname, '../../rego')
let secret = 'token-for-the-server-of-logs'
let former: string | undefined
let tokens: string
const logged: Logged[] = []
const statuses: { readonly bundles: { readonly sallyport: Record<string, unknown> }; readonly plugins: unknown }[] = []
const wrong: unknown[] = []
let refusals = 2
const arrivals = new EventTarget()
let server: http.Server
let crm: CrmServer
let gateway: TestGateway

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { method, url, headers } = request
    const body = Buffer.concat(chunks)
    if (former !== undefined && headers.authorization === `Bearer ${former}`) return void response.writeHead(401).end()
    if (url === '/opa/status' && headers.authorization === `Bearer ${secret}`) statuses.push(JSON.parse(body.toString()))
    else if (url !== '/opa/logs/team/a' || method !== 'POST' || headers['content-encoding'] !== 'gzip' || headers['content-type'] !== 'application/json' || headers.authorization !== `Bearer ${secret}`) wrong.push([method, url, headers])
    else if (refusals-- > 0) return void response.writeHead(503).end()
    else logged.push(...(JSON.parse(gunzipSync(body).toString()) as Logged[]))
    response.writeHead(204).end()
    arrivals.dispatchEvent(new Event('arrived'))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/opa`
  tokens = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  writeFileSync(join(tokens, 'logs'), secret, { mode: 0o600 })
  const credentials = { kind: 'bearer', token_from: { file: join(tokens, 'logs') } }
  crm = await startCrmServer({ token: 'crm-secret-token-of-the-test', customers: 200 })
  gateway = await startGateway({
    upstreams: { crm: { url: crm.url, credentials: { kind: 'bearer', token_from: { env: 'CRM' } }, labels: { tier: 'demo' } } },
    rego: {}, env: { CRM: 'crm-secret-token-of-the-test' },
    settings: {
      policy: {
        source: { kind: 'directory', path: policies },
        decision_logs: { url, partition: 'team/a', credentials }, status: { url: `${url}/`, credentials },
      },
    },
  })
  await traffic()
})
afterAll(async () => {
  await gateway?.close()
  await crm?.close()
  await new Promise((done) => server?.close(done))
  rmSync(tokens, { recursive: true, force: true })
})

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((arrived) => arrivals.addEventListener('arrived', arrived, { once: true }))
}
const people: readonly Who[] = [{ subject: 'sam', groups: ['support'], email: 'sam@example.com', claims: { department: 'care' } }, { subject: 'riley', groups: ['oncall'] }, { subject: 'nightly', groups: ['ci'], issuer: 'machines' }, { subject: 'eve', groups: [] }]
async function traffic(): Promise<void> {
  for (const revision of ['2025-06-18', '2026-07-28']) for (const who of people) {
    const client = await connect(gateway.mcp('crm'), await gateway.token(who, 'crm'), revision)
    const call = (name: string, args: object) => client.request('tools/call', { name, arguments: args })
    await client.request('tools/list')
    await client.request('resources/templates/list')
    await call('query', { sql: 'SELECT name, ssn, email, card_number FROM customers LIMIT 3' })
    await call('query', { sql: 'DROP TABLE customers' })
    await call('list_customers', { limit: 1 })
    await call('get_customer', { id: 3, note: 'mail jane@example.com, card 4111 1111 1111 1111' })
    await client.request('prompts/get', { name: 'summarise_customer', arguments: { id: '7' } })
    await client.request('resources/read', { uri: 'crm://customers/7' })
    await client.request('nothing/known', { a: 1.5 })
  }
}
const recorded = async () => {
  const reader = readers.sqlite(join(gateway.directory, 'sallyport.db'))
  try {
    return await Array.fromAsync(readRecorded(reader.listRecorded, { from: 0, to: Date.now() }))
  } finally {
    reader.close()
  }
}

test('every recorded decision comes once, in its order, in OPA\'s form, though the server was away at first', async () => {
  const all = await recorded()
  expect(all.length).toBeGreaterThan(100)
  await until(() => logged.length >= all.length)
  expect(wrong).toEqual([])
  expect(logged.map(({ decision_id }) => decision_id)).toEqual(all.map(({ exchange, session, seq }) => `${exchange}/${session}/${seq}`))
  expect(logged.map(({ input, timestamp }) => [input, timestamp])).toEqual(all.map(({ question, at }) => [JSON.parse(JSON.stringify(question)), new Date(at).toISOString()]))
  const [first] = logged
  expect(Object.keys(first?.labels ?? {}).sort()).toEqual(['app', 'id', 'public_url', 'version'])
  expect(first).toMatchObject({ path: 'sallyport/decision', bundles: { sallyport: { revision: expect.stringMatching(/^bnd_/) } }, result: { kind: expect.any(String) }, requested_by: 'people:sam' })
})

test('nothing that a detector knows is in them, and what was replaced is named', () => {
  const text = JSON.stringify(logged)
  for (const known of ['4111 1111', 'jane@example.com', crm.url]) expect(text).not.toContain(known)
  const noted = logged.filter(({ input }) => JSON.stringify(input).includes('list_customers') || JSON.stringify(input).includes('note'))
  expect(noted.flatMap(({ masked = [] }) => masked)).toContain('/input/message/body/arguments/note')
})

test('the status says what is active', async () => {
  await until(() => statuses.length > 0)
  expect(statuses.at(-1)).toMatchObject({
    labels: { app: 'sallyport' },
    bundles: { sallyport: { name: 'sallyport', active_revision: expect.any(String), last_successful_activation: expect.any(String), last_request: expect.any(String) } },
    plugins: { bundle: { state: 'OK' } },
  })
})

test('another token is found where the first one was, as soon as the server refuses that', async () => {
  former = secret
  secret = 'the-next-token-for-the-server-of-logs'
  writeFileSync(join(tokens, 'logs'), secret, { mode: 0o600 })
  const [events, reports] = [logged.length, statuses.length]
  const client = await connect(gateway.mcp('crm'), await gateway.token({ subject: 'sam', groups: ['support'] }, 'crm'), '2025-06-18')
  await client.request('tools/list')
  await gateway.gateway.pipeline.run()
  await until(() => logged.length > events && statuses.length > reports)
  expect(wrong).toEqual([])
})

const readPaths = async (): Promise<readonly string[]> => {
  const opa = createOpa()
  try {
    const read = await readDirectory(policies)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const built = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
    if (!built.ok) throw new Error(JSON.stringify(built.problems))
    return built.bundle.input_paths ?? ['']
  } finally {
    await opa.close()
  }
}
const native = findNativeOpa()
;(native === undefined ? test.skip : test)('a native opa answers the same to every input of which all was kept that the policies read', async () => {
  const reads = await readPaths()
  const whole = logged.filter(({ masked = [], erased = [] }) => lostOf([...masked, ...erased].map((place) => place.slice('/input'.length)), reads).length === 0)
  expect(whole.length / logged.length).toBeGreaterThan(0.7)
  const [{ bundles: { sallyport: { revision } } } = whole[0]!] = whole
  const bundle = join(gateway.directory, `sallyport.db.bundles/${revision}.tar.gz`)
  const query = '[decision | some question in input; decision := data.sallyport.decision with input as question]'
  const { stdout, stderr } = spawnSync(native ?? '', ['eval', '--bundle', bundle, '--format', 'json', '--stdin-input', query], { encoding: 'utf8', input: JSON.stringify(whole.map(({ input }) => input)), maxBuffer: 256 * 1024 * 1024 })
  const { result } = JSON.parse(stdout || stderr) as { result: { expressions: { value: Logged['result'][] }[] }[] }
  const said = result[0]?.expressions[0]?.value ?? []
  expect(said.length).toBe(whole.length)
  const differ = said.flatMap((decision, at) => (same(decision, whole[at]?.result) ? [] : [{ native: decision, recorded: whole[at] }]))
  expect(differ.slice(0, 3)).toEqual([])
})

/** Reasons and masks are sets in Rego; what a decision leaves out, the other may give as nothing. */
const same = (one: unknown, other: unknown): boolean => plain(one) === plain(other)
const plain = (value: unknown): string => JSON.stringify(value, (_key, each: unknown) => {
  if (Array.isArray(each)) return [...each].sort((a, b) => (plain(a) < plain(b) ? -1 : 1))
  if (typeof each !== 'object' || each === null) return each
  return Object.fromEntries(Object.entries(each).filter(([, inner]) => inner !== null && !(Array.isArray(inner) && inner.length === 0)).sort(([a], [b]) => (a < b ? -1 : 1)))
})
