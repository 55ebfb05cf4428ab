import { printFindings } from '../../src/findings.ts'
import type { RecordStore, SessionFilter } from '../../src/record/record-store.ts'
import { answerEvent, decision, event, person, sessionRow } from './rows.ts'

/** What every record store must hold. `open` gives an empty one. */
export function describeRecordStore(name: string, open: () => Promise<{ readonly records: RecordStore; close(): Promise<void> }>): void {
  describe(`record store: ${name}`, () => {
    let records: RecordStore
    let close: () => Promise<void>
    beforeEach(async () => {
      const store = await open()
      records = store.records
      close = () => store.close()
    })
    afterEach(() => close())

    const ids = async (filter: SessionFilter) => (await records.listSessions(filter)).items.map(({ id }) => id)

    test('what policies decided is listed across sessions in the order in which it was recorded, page by page', async () => {
      for (const id of ['1', '2']) await records.putSession(sessionRow(id))
      for (const [at, id] of [['1', 'a'], ['2', 'b'], ['1', 'c'], ['2', 'd'], ['1', 'e']].entries()) {
        await records.append(event(id[0]!, id[1]!, { at: 1_000 + at, basis: id[1] === 'c' ? null : '{"now":0}' }))
      }
      const seen: string[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await records.listRecorded({ from: 1_001, to: 1_004, limit: 2, ...(cursor === undefined ? {} : { cursor }) })
        seen.push(...page.items.map(({ session, event: { exchange } }) => `${session.id} ${exchange}`))
        if (page.next_cursor === null) break
        cursor = page.next_cursor
      }
      expect(seen).toEqual(['ses_2 exg_b', 'ses_2 exg_d', 'ses_1 exg_e'])
      expect(await records.listRecorded({ from: 2_000, to: 3_000 })).toEqual({ items: [], next_cursor: null })
    })

    test('a session and its events come back as they were put', async () => {
      const row = sessionRow('1', { actor: person('alice', { email: 'a@b.c', claims: { department: 'x' }, acting_for: { issuer: 'i', subject: 's' } }) })
      await records.putSession(row)
      const findings = [{ detector: 'us_ssn', path: '/x', count: 1, confidence: 'high' as const }]
      const sent = event('1', 'a', { findings: printFindings(findings), message: '{"n":1.0,"t":"\u2028é😀"}', call: null, basis: '{"no":1}' })
      await records.append(sent)
      expect(await records.getSession('ses_1')).toEqual({ ...row, events: 1, denied: 0, masked: 0, approvals: 0 })
      expect((await records.listEvents('ses_1', {})).items).toEqual([{ ...sent, findings, seq: 1 }])
    })

    test('an unknown session has neither summary nor events, and its events are refused', async () => {
      expect(await records.getSession('ses_none')).toBeUndefined()
      expect(await records.listEvents('ses_none', {})).toEqual({ items: [], next_cursor: null })
      await expect(records.append(event('none', 'a'))).rejects.toMatchObject({ code: 'record_unavailable' })
    })

    test('putting a session again changes nothing', async () => {
      await records.putSession(sessionRow('1'))
      await records.append(event('1', 'a'))
      await records.putSession(sessionRow('1', { upstream: 'other' }))
      expect(await records.getSession('ses_1')).toMatchObject({ upstream: 'crm', events: 1 })
    })

    test('events written at once keep the order they were appended in, without gaps, in each session', async () => {
      await Promise.all([records.putSession(sessionRow('1')), records.putSession(sessionRow('2'))])
      await Promise.all(Array.from({ length: 300 }, (_, i) => records.append(event(i % 2 === 0 ? '1' : '2', `x${i}`, { at: 5_000 - i }))))
      for (const [session, rest] of [['ses_1', 0], ['ses_2', 1]] as const) {
        const { items } = await records.listEvents(session, { limit: 1_000 })
        expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1))
        expect(items.map(({ exchange }) => exchange)).toEqual(Array.from({ length: 150 }, (_, i) => `exg_x${i * 2 + rest}`))
      }
    })

    test('a refused event takes no number', async () => {
      await records.putSession(sessionRow('1'))
      const outcomes = await Promise.allSettled([records.append(event('1', 'a')), records.append(event('none', 'b')), records.append(event('1', 'c'))])
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((await records.listEvents('ses_1', {})).items.map(({ seq, exchange }) => [seq, exchange])).toEqual([[1, 'exg_a'], [2, 'exg_c']])
    })

    test('the summary counts events by decision', async () => {
      await records.putSession(sessionRow('1'))
      for (const kind of ['allow', 'deny', 'deny', 'mask', 'require_approval'] as const) await records.append(event('1', kind, { decision: decision(kind) }))
      expect(await records.getSession('ses_1')).toMatchObject({ events: 5, denied: 2, masked: 1, approvals: 1 })
    })

    test('what callers did since a moment is counted by minute: calls once each, however often they are told', async () => {
      await records.putSession(sessionRow('1'))
      await records.putSession(sessionRow('2', { actor: person('bob'), upstream: 'files' }))
      await records.append(event('1', 'old', { at: 59_000 }))
      await records.append(event('1', 'a', { at: 120_000, outcome: 'held', decision: decision('require_approval') }))
      await records.append(event('1', 'b', { at: 121_000, outcome: 'denied', decision: decision('deny'), closes: true }))
      await records.append(event('1', 'a', { at: 181_000 }))
      await records.append(answerEvent('1', 'a', { at: 182_000, outcome: 'forwarded', message: '"é"' }))
      await records.append(event('1', 'c', { at: 182_000, method: 'tools/list', call: null }))
      await records.append(answerEvent('1', 'c', { at: 183_000, outcome: 'denied', decision: decision('deny') }))
      await records.append(event('2', 'd', { at: 184_000 }))
      const sums = new Map<string, readonly number[]>()
      for (const { actor, upstream, minute, calls, denied, approvals, bytes_out } of await records.recentActivity(60_000)) {
        const key = `${actor.subject} ${upstream} ${minute}`
        const counts = [calls, denied, approvals, bytes_out]
        sums.set(key, (sums.get(key) ?? [0, 0, 0, 0]).map((sum, at) => sum + counts[at]!))
      }
      expect(Object.fromEntries(sums)).toEqual({ 'alice crm 2': [2, 1, 1, 0], 'alice crm 3': [0, 1, 0, 4], 'bob files 3': [1, 0, 0, 0] })
      expect(await records.recentActivity(185_000)).toEqual([])
    })

    test('an ended session keeps its first end and still takes what was on its way', async () => {
      await records.putSession(sessionRow('1'))
      await Promise.all([records.append(event('1', 'a')), records.endSession('ses_1', 7_000), records.append(answerEvent('1', 'a')), records.endSession('ses_1', 8_000)])
      expect(await records.getSession('ses_1')).toMatchObject({ ended_at: 7_000, events: 2 })
    })

    test('sessions are found by each term alone and by several together', async () => {
      await records.putSession(sessionRow('1', { started_at: 100 }))
      await records.putSession(sessionRow('2', { started_at: 200, actor: person('bob', { groups: ['support', 'oncall'] }), upstream: 'files' }))
      await records.putSession(sessionRow('3', { started_at: 300, actor: person('bob', { groups: ['oncall'] }) }))
      await records.append(event('1', 'a', { call: 'query', decision: decision('deny') }))
      await records.append(event('2', 'b', { call: 'query' }))
      await records.append(event('3', 'c', { call: `file:///${'x'.repeat(5_000)}`, decision: decision('mask') }))
      expect(await ids({})).toEqual(['ses_3', 'ses_2', 'ses_1'])
      expect(await ids({ actor: 'bob' })).toEqual(['ses_3', 'ses_2'])
      expect(await ids({ actor: 'alice@example.com' })).toEqual(['ses_1'])
      expect(await ids({ group: 'support' })).toEqual(['ses_2', 'ses_1'])
      expect(await ids({ upstream: 'crm' })).toEqual(['ses_3', 'ses_1'])
      expect(await ids({ call: 'query' })).toEqual(['ses_2', 'ses_1'])
      expect(await ids({ call: `file:///${'x'.repeat(5_000)}` })).toEqual(['ses_3'])
      expect(await ids({ decision: 'deny' })).toEqual(['ses_1'])
      expect(await ids({ from: 200 })).toEqual(['ses_3', 'ses_2'])
      expect(await ids({ from: 101, to: 299 })).toEqual(['ses_2'])
      expect(await ids({ actor: 'bob', upstream: 'crm', group: 'oncall' })).toEqual(['ses_3'])
      expect(await ids({ actor: 'bob', call: 'query', from: 250 })).toEqual([])
      expect(await ids({ group: "support' OR 1=1 --" })).toEqual([])
    })

    test('pages join to the whole list, whatever their size', async () => {
      for (let i = 0; i < 25; i++) await records.putSession(sessionRow(String(i), { started_at: 1_000 + (i % 3), actor: person(i % 2 === 0 ? 'even' : 'odd') }))
      for (const filter of [{}, { actor: 'even' }, { actor: 'even', upstream: 'crm' }] satisfies SessionFilter[]) {
        const whole = await ids({ ...filter, limit: 100 })
        for (const limit of [1, 4, 13, 25]) {
          const seen: string[] = []
          let cursor: string | undefined
          do {
            const page = await records.listSessions({ ...filter, limit, ...(cursor === undefined ? {} : { cursor }) })
            expect(page.items.length).toBeLessThanOrEqual(limit)
            seen.push(...page.items.map(({ id }) => id))
            cursor = page.next_cursor ?? undefined
          } while (cursor !== undefined)
          expect(seen).toEqual(whole)
        }
      }
    })

    test('a page of events stops at its limit, and before it holds too much text', async () => {
      await records.putSession(sessionRow('1'))
      const big = 'x'.repeat(5 * 1024 * 1024)
      const bigFindings = printFindings([{ detector: 'us_ssn', path: `/${big}`, count: 1, confidence: 'high' }])
      for (const more of [{}, {}, { message: `"${big}"` }, { findings: bigFindings }, {}]) await records.append(event('1', 'a', more))
      const first = await records.listEvents('ses_1', { limit: 2 })
      expect(first.items.map(({ seq }) => seq)).toEqual([1, 2])
      const second = await records.listEvents('ses_1', { limit: 100, cursor: first.next_cursor! })
      expect(second.items.map(({ seq }) => seq)).toEqual([3])
      const third = await records.listEvents('ses_1', { cursor: second.next_cursor! })
      expect(third.items.map(({ seq }) => seq)).toEqual([4, 5])
      expect(third.next_cursor).toBeNull()
    })

    test.each(['', 'x', 'MS4yLjM', '../..', Buffer.from('1.1e9').toString('base64url')])('the cursor %j, which no page gave, is refused', async (cursor) => {
      await records.putSession(sessionRow('1'))
      await expect(records.listSessions({ cursor })).rejects.toMatchObject({ code: 'bad_cursor' })
      await expect(records.listEvents('ses_1', { cursor })).rejects.toMatchObject({ code: 'bad_cursor' })
    })

    test('after an interruption exactly the requests in flight are unknown, and every session has ended', async () => {
      await records.putSession(sessionRow('1'))
      await records.putSession(sessionRow('2'))
      await records.append(event('1', 'answered'))
      await records.append(answerEvent('1', 'answered'))
      await records.append(event('1', 'denied', { decision: decision('deny'), outcome: 'denied', closes: true }))
      await records.append(event('1', 'held', { decision: decision('require_approval'), outcome: 'held' }))
      await records.append(event('2', 'released', { decision: decision('require_approval'), outcome: 'held' }))
      await records.append(event('2', 'released'))
      await records.append(event('2', 'flying'))
      await records.append(event('2', 'flying', { kind: 'notification', direction: 'to_client', method: 'notifications/progress', call: null }))
      await records.append(event('2', 'flying', { direction: 'to_client', method: 'sampling/createMessage', call: null }))
      expect(await records.closeInterrupted(9_000)).toBe(2)
      const outcomes = async (id: 'ses_1' | 'ses_2') => (await records.listEvents(id, {})).items.map(({ outcome }) => outcome)
      expect(await outcomes('ses_1')).toEqual(['forwarded', 'answered', 'denied', 'held'])
      expect(await outcomes('ses_2')).toEqual(['held', 'unknown', 'unknown', 'forwarded', 'forwarded'])
      expect((await records.listSessions({})).items.map(({ ended_at }) => ended_at)).toEqual([9_000, 9_000])
      expect(await records.closeInterrupted(9_500)).toBe(0)
    })
  })
}
