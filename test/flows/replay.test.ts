import { join, resolve } from 'node:path'
import { buildBundle } from '../../src/bundle/build.ts'
import { createJudge, type Judge } from '../../src/bundle/compare/judge.ts'
import { replayDecisions, type Recorded, type ReplayReport } from '../../src/bundle/compare/replay.ts'
import { createOpa, type Opa } from '../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../src/bundle/options.ts'
import { addRules } from '../../src/bundle/rules/with-rules.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { readRecorded } from '../../src/cli/policy/recorded.ts'
import { startCrmServer, type CrmServer } from '../../src/demo/crm-server.ts'
import { openPolicyRunner, directoryOf, type PolicyRunner } from '../cli/policy/run.ts'
import { readers } from '../../src/store/index.ts'
import { connect, startGateway, type PlainClient, type TestGateway, type Who } from '../support/gateway.ts'
import { events, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// The demo's policies on mixed traffic: what was recorded is judged again, and every decision whose inputs were kept comes out as it did.

const policies = resolve(import.meta.dirname, '../../rego')
/** Beside them, so that a candidate is what the gateway would have. */
const rules = join(directoryOf({ 'gateway.rules.yaml': 'risk:\n  - { id: queries, upstreams: crm, tools: query, points: 1 }\n' }), 'gateway.rules.yaml')
let crm: CrmServer
let asking: StubServer
let gateway: TestGateway
let opa: Opa
let judge: Judge
let runner: PolicyRunner

beforeAll(async () => {
  crm = await startCrmServer({ token: 'crm-secret-token-of-the-test', customers: 200 })
  const replied = Promise.withResolvers<void>()
  const base = mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'read_file', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }, { name: 'write_file', inputSchema: { type: 'object' } }] }) })
  asking = await startStubServer(async (request, response) => {
    const message = request.body === '' ? {} : (JSON.parse(request.body) as { id?: unknown; method?: string; result?: unknown })
    if (message.result !== undefined) replied.resolve()
    if (message.method !== 'tools/call') return base(request, response)
    const frame = (content: object) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...content })}\n\n`
    events(response, [frame({ method: 'notifications/message', params: { level: 'info', data: 'card 4111 1111 1111 1111' } }), frame({ id: 'u1', method: 'roots/list' })])
    await replied.promise
    response.end(frame({ id: message.id, result: { content: [{ type: 'text', text: 'jane@example.com wrote it' }] } }))
  })
  gateway = await startGateway({
    upstreams: {
      crm: { url: crm.url, credentials: { kind: 'bearer', token_from: { env: 'CRM' } }, labels: { tier: 'demo' } },
      files: { url: asking.url, labels: { asks: 'allowed' } },
    },
    rego: {}, env: { CRM: 'crm-secret-token-of-the-test' },
    settings: { policy: { source: { kind: 'directory', path: policies }, rules } },
  })
  await traffic()
  opa = createOpa()
  runner = openPolicyRunner()
  judge = await judgeOf(policies)
})
afterAll(async () => {
  await judge?.close()
  await opa?.close()
  await runner?.close()
  await gateway?.close()
  await crm?.close()
  await asking?.close()
})

const judgeOf = async (directory: string): Promise<Judge> => {
  const read = await addRules(await readDirectory(directory), { file: rules })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const built = await buildBundle(read.sources, { opa, ...(await readBuildOptions()) })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  return createJudge(built.bundle, shippedDetectors)
}

const sam: Who = { subject: 'sam', groups: ['support'], email: 'sam@example.com', claims: { department: 'care' } }
const riley: Who = { subject: 'riley', groups: ['oncall'] }
const job: Who = { subject: 'nightly', groups: ['ci'], issuer: 'machines' }
const stranger: Who = { subject: 'eve', groups: [] }
const open = async (who: Who, upstream: string, revision: string, capabilities: unknown = { roots: {} }): Promise<PlainClient> => connect(gateway.mcp(upstream), await gateway.token(who, upstream), revision, capabilities)
const call = (client: PlainClient, name: string, args: object) => client.request('tools/call', { name, arguments: args })

async function approveNext(): Promise<void> {
  const headers = { authorization: `Bearer ${await gateway.token({ ...riley, subject: 'rita' }, 'api')}`, 'content-type': 'application/json' }
  for (;;) {
    const { items } = (await (await fetch(`${gateway.url}/api/v1/approvals?state=pending`, { headers })).json()) as { items: { id: string }[] }
    if (items[0] === undefined) {
      await new Promise((tick) => setImmediate(tick))
      continue
    }
    await fetch(`${gateway.url}/api/v1/approvals/${items[0].id}/approve`, { method: 'POST', headers, body: JSON.stringify({ reason: 'known' }) })
    return
  }
}

async function traffic(): Promise<void> {
  for (const revision of ['2025-06-18', '2026-07-28']) {
    const support = await open(sam, 'crm', revision)
    await support.request('tools/list')
    await support.request('resources/templates/list')
    await call(support, 'query', { sql: 'SELECT name, ssn, email, card_number FROM customers LIMIT 3' })
    await call(support, 'query', { sql: 'DROP TABLE customers' })
    await call(support, 'get_customer', { id: 3 })
    await call(support, 'get_customer', { id: 3, note: 'mail jane@example.com, card 4111 1111 1111 1111' })
    await call(support, 'alter_schema', { sql: 'ALTER TABLE a ADD b' })
    await support.request('prompts/get', { name: 'summarise_customer', arguments: { id: '7' } })
    await support.request('resources/read', { uri: 'crm://customers/7' })
    await support.request('completion/complete', { ref: { type: 'ref/resource', uri: 'crm://customers/{id}' }, argument: { name: 'id', value: '1' } })
    await support.request('nothing/known', { a: 1.0 })
    const held = call(support, 'export_customers', { limit: revision === '2025-06-18' ? 2000 : 2001 })
    await Promise.all([held, approveNext()])
    const pipeline = await open(job, 'crm', revision)
    await pipeline.request('tools/list')
    await call(pipeline, 'query', { sql: 'UPDATE customers SET name = 1 WHERE id = 1' })
    await call(pipeline, 'list_customers', { limit: 3 })
    const outsider = await open(stranger, 'crm', revision)
    await outsider.request('tools/list')
    await call(outsider, 'query', { sql: 'SELECT 1' })
  }
  // Another token of the same caller in the same session says more.
  const later = await open(riley, 'crm', '2026-07-28')
  await call(later, 'list_customers', { limit: 1 })
  const more = await open({ ...riley, claims: { shift: 'night' } }, 'crm', '2026-07-28')
  await call(more, 'list_customers', { limit: 1 })
  for (let time = 0; time < 32; time += 1) await call(later, 'query', { sql: 'DROP TABLE customers' })
  const writing = await open(riley, 'files', '2025-06-18')
  const written = await writing.send({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'write_file', arguments: { path: '/srv/docs/a.md', content: 'x' } } })
  for await (const text of written.body!.pipeThrough(new TextDecoderStream())) {
    const asked = /"id":("[^"]+"|\d+),"method":"roots\/list"/.exec(text)?.[1]
    if (asked !== undefined) await writing.send({ jsonrpc: '2.0', id: JSON.parse(asked), result: { roots: [{ uri: 'file:///srv/docs', name: 'docs' }] } })
  }
}

const recorded = async (): Promise<readonly Recorded[]> => {
  const reader = readers.sqlite(join(gateway.directory, 'sallyport.db'))
  try {
    return await Array.fromAsync(readRecorded(reader.listRecorded, { from: 0, to: Date.now() }))
  } finally {
    reader.close()
  }
}
const replay = async (candidate: Judge): Promise<ReplayReport> => replayDecisions({ records: await recorded(), candidate: async () => candidate, clean: (text) => text, mostExamples: 10 })

test('the bundle that was active reproduces every decision whose inputs were kept', async () => {
  const all = await recorded()
  const report = await replay(judge)
  expect(report.examples).toEqual([])
  expect(report).toMatchObject({ decisions: all.length, changed: 0, no_bundle: 0 })
  // Only what was detected in an argument is not there: the arguments of these calls were read as a whole.
  expect(report.missing.map(({ name }) => name).sort()).toEqual(['/message/call/arguments/note', '/request/call/arguments/note'])
  expect(report.share).toBeGreaterThan(0.95)
  const kinds = new Set(all.map(({ decision, question }) => `${decision.kind} ${question.message.direction}`))
  expect([...kinds].sort()).toEqual(['allow to_server', 'deny to_server', 'mask to_client', 'require_approval to_server'])
})

const config = () => join(gateway.directory, 'sallyport.yaml')
const cli = async (...args: readonly string[]) => runner.run(['replay', '--since', '1d', '--config', config(), ...args], { CRM: 'crm-secret-token-of-the-test', PATH: process.env['PATH']! })

test('the command tells what a candidate would change, for people, machines and pull requests', async () => {
  const candidate = directoryOf({ 'policies/desk/desk.rego': `package policies.desk

deny contains {"code": "no_lists"} if input.message.call.name == "list_customers"
` }, policies)
  const told = await cli('--candidate', candidate, '--json', '--fail-on-change')
  expect(told).toMatchObject({ code: 1, stderr: '' })
  const report = JSON.parse(told.stdout) as ReplayReport & { candidate: object; base: null }
  expect(report.changed).toBeGreaterThan(0)
  expect(report.transitions).toEqual([expect.objectContaining({ before: 'allow', after: 'deny' })])
  expect(report.tools).toEqual([{ name: 'crm list_customers', decisions: report.changed }])
  expect(report.people.map(({ name }) => name).sort()).toEqual(['nightly', 'riley'])
  expect(report.rules).toContainEqual({ rule: 'desk/deny/no_lists', gained: report.changed, lost: 0 })
  expect(report.examples[0]).toMatchObject({ call: 'list_customers', before: { kind: 'allow' }, after: { kind: 'deny', rules: ['desk/deny/no_lists'] } })
  const { stdout: markdown, code } = await cli('--candidate', candidate, '--markdown')
  expect(code).toBe(0)
  expect(markdown).toContain('| `desk/deny/no_lists` |')
  expect(markdown).toMatch(/^### Policy replay: \d+ decisions of \d+ calls would change$/m)
})

test('the policies that were active change nothing, and say so', async () => {
  expect(await cli('--candidate', policies, '--bundle', 'active', '--fail-on-change')).toMatchObject({ code: 0, stdout: expect.stringContaining('no decision changes') as string })
})

test('every decision comes out again by the bundle that made it, which the gateway keeps', async () => {
  const own = await cli('--json')
  expect(own).toMatchObject({ code: 0, stderr: '' })
  const report = JSON.parse(own.stdout) as ReplayReport
  expect(report).toMatchObject({ changed: 0, no_bundle: 0, missing_bundles: [], decisions: (await recorded()).length })
  expect(report.share).toBeGreaterThan(0.95)
})

test('a pipeline asks the gateway, with a role that may, and is told the same', async () => {
  const candidate = directoryOf({ 'policies/desk/desk.rego': 'package policies.desk\n\nrisk contains {"code": "team", "points": 1} if input.actor.claims.department == "care"\n' }, policies)
  const remote = async (who: Who, judged = candidate, ...more: readonly string[]) => runner.run(['replay', '--since', '1d', '--candidate', judged, '--rules', rules, '--json', ...more], { SALLYPORT_URL: gateway.url, SALLYPORT_TOKEN: await gateway.token(who, 'api') })
  expect(await remote({ subject: 'ada', groups: [] })).toMatchObject({ code: 1, stderr: expect.stringContaining('auditor') as string })
  const auditor: Who = { subject: 'ada', groups: ['audit'] }
  expect(JSON.parse((await remote(auditor, policies, '--bundle', 'active')).stdout)).toMatchObject({ changed: 0, base: { digest: judge.digest }, judged: (await replay(judge)).judged })
  const there = JSON.parse((await remote(auditor)).stdout) as ReplayReport
  const page = await fetch(`${gateway.url}/api/v1/policy/recorded?from=2026-01-01T00:00:00Z`, { headers: { authorization: `Bearer ${await gateway.token(auditor, 'api')}` } })
  const text = await page.text()
  expect(text).toContain('sam@example.com')
  expect(text).not.toContain('department')
  // Claims are not given away: what reads them cannot be judged from there.
  expect(there).toMatchObject({ judged: 0, changed: 0, decisions: (await recorded()).length })
  expect(there.missing[0]).toMatchObject({ name: '/actor/claims' })
  const here = JSON.parse((await cli('--candidate', candidate, '--json')).stdout) as ReplayReport
  expect(here.people.map(({ name }) => name)).toEqual(['sam@example.com'])
  expect(here.changed).toBeGreaterThan(0)
})

test('what cannot be used is told, and ends with the code for it', async () => {
  expect(await cli('--candidate', join(gateway.directory, 'nowhere'))).toMatchObject({ code: 3, stdout: expect.stringContaining('is no directory, no bundle and no commit') as string })
  expect((await cli('--since', 'yesterday')).code).toBe(2)
  expect((await cli('--examples', '0')).code).toBe(2)
  expect(await cli('--candidate', directoryOf({ 'policies/x/x.rego': 'package policies.x\n\nallow if y\n' }))).toMatchObject({ code: 1 })
})
