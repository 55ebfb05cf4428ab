import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Recorded } from '../../../src/bundle/compare/replay.ts'
import { decisionEvent } from '../../../src/bundle/report/decision-event.ts'
import { followDecisions, type FollowNews } from '../../../src/bundle/report/follow.ts'
import { createRulesInForce } from '../../../src/bundle/report/rules-in-force.ts'
import { createStatusReporter } from '../../../src/bundle/report/status.ts'
import { fetchOf } from '../../support/outbound.ts'

// The upload of decisions towards servers that are away, small, or come back, and of an uploader that is started again.

const directory = mkdtempSync(join(tmpdir(), 'follow-'))
let server: http.Server
let url: string
let answer: (body: Buffer, path: string) => number
beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    response.writeHead(answer(Buffer.concat(chunks), request.url ?? '')).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs`
})
afterAll(async () => {
  await new Promise((done) => server.close(done))
  rmSync(directory, { recursive: true, force: true })
})

const decided = (seq: number, text = ''): Recorded => ({
  session: 'ses_1', seq, exchange: `exg_${seq}`, at: 1_000 + seq,
  question: {
    actor: { kind: 'nobody', groups: [], groups_known: true }, upstream: { name: 'crm', labels: {} }, session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
    message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-11-25', body: { text } }, entries: [], findings: [], now: '2026-01-01T00:00:00.000Z',
  },
  lost: [], decision: { kind: 'deny', reasons: [{ code: 'no', rule: 'crm/deny/no', title: 'of METADATA' }], risk: 0, listed: [], bundle: 'bnd_1' },
})
/** A bundle that says nothing about decision logs. */
const silent = createRulesInForce({ kind: 'active' }, () => undefined)
let files = 0
/** Follows until `wanted` decisions were delivered or passed over. */
async function follow(records: readonly Recorded[], wanted: number, file = join(directory, String((files += 1))), rules = silent) {
  const news: FollowNews[] = []
  const stop = new AbortController()
  let done = 0
  const ended = followDecisions({
    server: { url, fetch: fetchOf(url) }, labels: { app: 'test' }, rules, file, from: 1_000, signal: stop.signal,
    told(each) {
      news.push(each)
      if (each.kind === 'sent' || each.kind === 'lost') done += each.decisions
    },
    async next({ cursor = '0' }) {
      if (done >= wanted) stop.abort()
      const part = records.slice(Number(cursor), Number(cursor) + 10)
      return { decided: part, reached: String(Number(cursor) + part.length), more: Number(cursor) + part.length < records.length }
    },
  })
  await ended.catch((cause: unknown) => {
    if (!stop.signal.aborted) throw cause
  })
  return { news, file }
}
const idsIn = (body: Buffer) => (JSON.parse(gunzipSync(body).toString()) as { decision_id: string }[]).map(({ decision_id }) => decision_id)
const records = (count: number, text?: string) => Array.from({ length: count }, (_, index) => decided(index + 1, text))
const ids = (all: readonly Recorded[]) => all.map(({ seq, exchange, session }) => `${exchange}/${session}/${seq}`)

test('what a server refused comes again, in order, and nothing is left out', async () => {
  const got: string[] = []
  let refusals = 2
  answer = (body) => (refusals-- > 0 ? 503 : (got.push(...idsIn(body)), 200))
  const all = records(25)
  const { news } = await follow(all, 25)
  expect(got).toEqual(ids(all))
  expect(news.map(({ kind }) => kind)).toEqual(['failed', 'recovered', 'sent', 'sent', 'sent'])
})

test('an uploader that is started again goes on where the server has everything', async () => {
  const got: string[] = []
  answer = (body) => (got.push(...idsIn(body)), 200)
  const all = records(30)
  const { file } = await follow(all.slice(0, 20), 20)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ cursor: '20', from: 0 })
  await follow(all, 10, file)
  expect(got).toEqual(ids(all))
})

test('a server that takes only so much is given less at once; what it takes at no size is counted', async () => {
  const got: string[] = []
  answer = (body) => (gunzipSync(body).length > 3_000 ? 413 : (got.push(...idsIn(body)), 200))
  const all = [...records(9), decided(10, 'x'.repeat(5_000))]
  const { news } = await follow(all, 10)
  expect(got).toEqual(ids(all.slice(0, 9)))
  expect(news.filter(({ kind }) => kind === 'lost')).toMatchObject([{ decisions: 1 }])
})

test('places that were replaced are named as masked, those that are gone as erased', () => {
  const event = decisionEvent({ ...decided(1, '[MASKED]'), lost: ['/message/body/text', '/actor/claims', '/message/body/*'] }, {})
  expect([event.masked, event.erased]).toEqual([['/input/message/body/text', '/input/message/body/*'], ['/input/actor/claims']])
  expect(event.result).toEqual({ kind: 'deny', reasons: [{ code: 'no', rule: 'crm/deny/no' }], risk: 0, listed: [] })
})

test('a status that could not be sent is replaced by a newer one; a run that failed is told with its places', async () => {
  const got: Record<string, unknown>[] = []
  const failures: (string | undefined)[] = []
  const arrived = Promise.withResolvers<void>()
  let isAway = true
  const tried = Promise.withResolvers<void>()
  answer = (body) => {
    tried.resolve()
    if (isAway) return 500
    got.push(JSON.parse(body.toString()))
    arrived.resolve()
    return 200
  }
  const reporter = createStatusReporter({ server: { url, fetch: fetchOf(url) }, labels: { app: 'test' }, told: (failure) => failures.push(failure) })
  const active = { digest: 'bnd_1', revision: 'one', activated_at: '2026-01-01T00:00:00.000Z' } as const
  const stages = [{ name: 'read', ms: 1, ok: true }] as const
  reporter.changed({ active, last_run: { at: '2026-01-01T00:00:00.000Z', stages, problems: [], warnings: [] } })
  await tried.promise
  isAway = false
  const problems = [{ stage: 'check', code: 'rego_type_error', message: 'undefined ref', file: 'policies/a/a.rego', row: 3, col: 7 }] as const
  const counts = { sent: 1, lost: 0, dropped: 0, bare: 1, withheld: 0, failing: null, fault: { at: '2026-01-02T00:00:00.000Z', why: 'system.log.mask: no' } }
  reporter.changed({ active, last_run: { at: '2026-01-02T00:00:00.000Z', stages, error: 'undefined ref', problems, warnings: [] } }, counts)
  await arrived.promise
  expect(got).toMatchObject([{
    labels: { app: 'test' }, plugins: { bundle: { state: 'ERROR' }, decision_logs: { state: 'ERROR', message: 'system.log.mask: no' } },
    bundles: { sallyport: { active_revision: 'one', last_successful_download: '2026-01-02T00:00:00.000Z', code: 'bundle_error', errors: [{ code: 'rego_type_error', message: 'undefined ref', location: { file: 'policies/a/a.rego', row: 3, col: 7 } }] } },
  }])
  expect(failures[0]).toContain('500')
  reporter.close()
})
