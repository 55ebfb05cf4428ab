import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { readParams } from '../../src/approval/digest.ts'
import type { Exchange, Message, Request, Result } from '../../src/model.ts'
import { createRecorder } from '../../src/record/recorder.ts'
import type { Recorder } from '../../src/record/recorder.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { decision, person, sessionRow, silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'
import { plainBasis } from './basis.ts'

const canary = 'canary-4111111111111111'
const redactText = (text: string): string => text.replaceAll(canary, '[MASKED]')

let place: ReturnType<typeof scratch>
let store: Store
let recorder: Recorder<undefined>
let told: unknown[]
let healed: PromiseWithResolvers<void>
beforeEach(async () => {
  place = scratch()
  told = []
  healed = Promise.withResolvers()
  store = await createSqliteStore({ path: place.path, logger: silent, observe: { reopened: () => healed.resolve() } })
  recorder = createRecorder({
    store: store.records,
    basis: plainBasis(),
    redact: (message: Message) => ({
      envelope: readParams(redactText(JSON.stringify(message.envelope)))!,
      call: message.kind === 'request' && message.call !== undefined ? redactText(message.call.name) : null,
      method: redactText(message.method),
    }),
    redactText,
    isPlain: (text) => !text.includes(canary),
    print: JSON.stringify,
    clock: () => 5_000,
    logger: { ...silent, info: (_, fields) => told.push(fields) },
  })
})
afterEach(async () => {
  await store.close()
  place.remove()
})

const request = (name: string, value: string): Request => {
  const params = { name, arguments: { value } }
  return {
    kind: 'request', direction: 'to_server', revision: '2025-11-25', method: 'tools/call', id: 1, body: params, envelope: { jsonrpc: '2.0', id: 1, method: 'tools/call', params },
    call: { kind: 'tool', name, arguments: { value }, annotations: {}, template: false },
  }
}
const result = (to: Request, text: string): Result => ({
  kind: 'result', direction: 'to_client', revision: '2025-11-25', method: 'tools/call', id: 1, request: to, body: { text }, envelope: { jsonrpc: '2.0', id: 1, result: { text } },
})
const exchange = (message: Message, more: Partial<Exchange> = {}): Exchange => ({
  session: 'ses_1', exchange: 'exg_1', at: 1_500, message, findings: [], decision: decision('allow'), outcome: 'forwarded', closes: false, ...more,
})
const opening = { ...sessionRow('1'), client: { name: `agent ${canary}`, version: '1' } }

test('what was stopped is told with the ids of its record, and without what was detected', async () => {
  recorder.openSession(opening)
  await recorder.record(exchange(request('query', 'x')), undefined, [])
  expect(told).toEqual([])
  await recorder.record(exchange(request(canary, canary), { decision: decision('deny'), outcome: 'denied', closes: true }), undefined, [])
  expect(told).toEqual([expect.objectContaining({ session: 'ses_1', exchange: 'exg_1', method: 'tools/call', call: '[MASKED]', rules: expect.any(String) })])
})

function filesHold(text: string): string[] {
  const dir = dirname(place.path)
  return readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes(text))
}

test('a session goes ahead of its first event without being waited for', async () => {
  recorder.openSession(opening)
  await recorder.record(exchange(request('query', 'x')), undefined, [])
  expect(await store.records.getSession('ses_1')).toMatchObject({ events: 1, client: { name: 'agent [MASKED]', version: '1' }, ended_at: null })
  recorder.endSession('ses_1')
  await recorder.closeInterrupted()
  expect(await store.records.getSession('ses_1')).toMatchObject({ ended_at: 5_000 })
})

test('an exchange is kept with its decision and outcome, in order', async () => {
  recorder.openSession(opening)
  const asked = request('query', 'x')
  await recorder.record(exchange(asked), undefined, [])
  await recorder.record(exchange(result(asked, 'ok'), { outcome: 'answered', closes: true, decision: decision('mask') }), undefined, [])
  const { items } = await store.records.listEvents('ses_1', {})
  expect(items).toMatchObject([
    { seq: 1, kind: 'request', direction: 'to_server', call: 'query', outcome: 'forwarded', decision: { kind: 'allow' }, bundle: 'bnd_0', closes: false },
    { seq: 2, kind: 'result', direction: 'to_client', outcome: 'answered', decision: { kind: 'mask' }, closes: true, message: '{"jsonrpc":"2.0","id":1,"result":{"text":"ok"}}' },
  ])
})

test('numbers are kept with the text they were written in', async () => {
  recorder.openSession(opening)
  const body = { limit: JSON.rawJSON('9007199254740993') }
  await recorder.record(exchange({ ...request('query', ''), envelope: { params: body } }), undefined, [])
  const { items } = await store.records.listEvents('ses_1', {})
  expect(items[0]?.message).toContain('9007199254740993')
})

test('what was detected is in no file of the store: not by message, name, method, reason, path, mask, what a mask puts in place or client', async () => {
  recorder.openSession(opening)
  const asked = request(`tool-${canary}`, canary)
  const reasons = [{ code: 'because', rule: 'crm/deny/because', message: `saw ${canary}` }]
  const findings = [{ detector: 'card_number', path: `/params/${canary}`, count: 1, confidence: 'high' as const }]
  await recorder.record(exchange(asked, { findings, decision: { ...decision('deny'), reasons }, outcome: 'denied', closes: true }), undefined, [])
  const mask = [{ path: `/x/${canary}`, with: `[X ${canary}]`, must: false, rule: 'crm/mask/x' }]
  await recorder.record(exchange({ ...asked, method: `x/${canary}` }, { decision: { ...decision('mask'), reasons, mask } }), undefined, [])
  await recorder.record(exchange(result(asked, `answer ${canary}`), { decision: { ...decision('require_approval'), reasons, mask } }), undefined, [])
  expect((await store.records.listEvents('ses_1', {})).items).toHaveLength(3)
  expect(filesHold(canary)).toEqual([])
  expect(filesHold('[MASKED]').length).toBeGreaterThan(0)
  await store.close()
  expect(filesHold(canary)).toEqual([])
})

test('a message that cannot be made fit to be kept is not recorded, and its exchange refused', async () => {
  const strict = createRecorder({
    store: store.records, basis: plainBasis(), redactText, isPlain: (text) => !text.includes(canary), print: JSON.stringify, clock: () => 1, logger: silent,
    redact: () => {
      throw new Error('no')
    },
  })
  strict.openSession(opening)
  await expect(strict.record(exchange(request('query', canary)), undefined, [])).rejects.toMatchObject({ code: 'record_unavailable' })
  expect((await store.records.listEvents('ses_1', {})).items).toEqual([])
  expect(filesHold(canary)).toEqual([])
})

test('a session that began while the store could not be written is recorded once it can', async () => {
  const other = new DatabaseSync(place.path)
  other.exec('BEGIN IMMEDIATE')
  recorder.openSession({ ...opening, actor: person('late') })
  await expect(recorder.record(exchange(request('query', 'x')), undefined, [])).rejects.toMatchObject({ code: 'record_unavailable' })
  await expect(recorder.record(exchange(request('query', 'y')), undefined, [])).rejects.toMatchObject({ code: 'record_unavailable' })
  other.close()
  await healed.promise
  await recorder.record(exchange(request('query', 'z')), undefined, [])
  expect(await store.records.getSession('ses_1')).toMatchObject({ events: 1, actor: { subject: 'late' } })
})

test('a start on a store that cannot be written says why', async () => {
  const other = new DatabaseSync(place.path)
  other.exec('BEGIN IMMEDIATE')
  await expect(recorder.closeInterrupted()).rejects.toThrow('the store cannot be written: record_unavailable: database is locked')
  other.close()
})
