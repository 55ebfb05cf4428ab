import type { ApprovalState, ApprovalStore } from '../../src/approval/approval-store.ts'
import { approvalRow, approving, person } from './rows.ts'

/** What every approval store must hold. `open` gives an empty one. */
export function describeApprovalStore(name: string, open: () => Promise<{ readonly approvals: ApprovalStore; close(): Promise<void> }>): void {
  describe(`approval store: ${name}`, () => {
    let approvals: ApprovalStore
    let close: () => Promise<void>
    beforeEach(async () => {
      const store = await open()
      approvals = store.approvals
      close = () => store.close()
    })
    afterEach(() => close())

    test('an approval comes back as it was put', async () => {
      const row = approvalRow('1', { carried: [{ rule: 'a/b/c', reviewers: ['x'], quorum: 2 }], definition_sha256: 'ff', answers: [approving('bob')] })
      await approvals.insert(row)
      const found = await approvals.get('apr_1')
      expect({ ...found, sealed_params: [...found!.sealed_params!] }).toEqual({ ...row, sealed_params: [1, 2, 3] })
      expect(await approvals.get('apr_2')).toBeUndefined()
    })

    test('an id is given once', async () => {
      await approvals.insert(approvalRow('1'))
      await expect(approvals.insert(approvalRow('1', { upstream: 'other' }))).rejects.toMatchObject({ code: 'record_unavailable' })
      expect(await approvals.get('apr_1')).toMatchObject({ upstream: 'crm' })
    })

    test('lists go newest first, by state, page by page', async () => {
      for (let i = 1; i <= 5; i++) await approvals.insert(approvalRow(String(i)))
      await approvals.move('apr_2', 'pending', 'void', 2_000)
      expect((await approvals.list({})).items.map(({ id }) => id)).toEqual(['apr_5', 'apr_4', 'apr_3', 'apr_2', 'apr_1'])
      expect((await approvals.list({ state: 'void' })).items.map(({ id }) => id)).toEqual(['apr_2'])
      const first = await approvals.list({ state: 'pending', limit: 3 })
      const second = await approvals.list({ state: 'pending', limit: 3, cursor: first.next_cursor! })
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['apr_5', 'apr_4', 'apr_3', 'apr_1'])
      expect(second.next_cursor).toBeNull()
      await expect(approvals.list({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'bad_cursor' })
    })

    test('a page ends early rather than hold more than a few megabytes, and nothing is left out', async () => {
      const call = { ...approvalRow('1').call, arguments: { sql: 'x'.repeat(3 * 1024 * 1024) } }
      for (let i = 1; i <= 5; i++) await approvals.insert(approvalRow(String(i), { call }))
      const found: string[] = []
      for (let cursor: string | undefined, pages = 1; pages <= 3; pages++) {
        const page = await approvals.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
        found.push(page.items.map(({ id }) => id).join())
        cursor = page.next_cursor ?? undefined
      }
      expect(found).toEqual(['apr_5,apr_4', 'apr_3,apr_2', 'apr_1'])
    })

    test('those of one requester are listed, and no others', async () => {
      await approvals.insert(approvalRow('1'))
      await approvals.insert(approvalRow('2', { requester: person('bob') }))
      await approvals.insert(approvalRow('3', { requester: person('alice', { issuer: 'https://other.example' }) }))
      expect((await approvals.list({ requester: { issuer: 'https://id.example', subject: 'alice' } })).items.map(({ id }) => id)).toEqual(['apr_1'])
    })

    test('the open ones of a caller and digest are found, and no others', async () => {
      await approvals.insert(approvalRow('1'))
      await approvals.insert(approvalRow('2', { state: 'granted' }))
      await approvals.insert(approvalRow('3', { state: 'executed' }))
      await approvals.insert(approvalRow('4', { digest: 'd2' }))
      await approvals.insert(approvalRow('5', { upstream: 'files' }))
      await approvals.insert(approvalRow('6', { requester: person('alice', { issuer: 'https://other.example' }) }))
      const open = await approvals.findOpen({ issuer: 'https://id.example', subject: 'alice', upstream: 'crm', digest: 'd1' })
      expect(open.map(({ id }) => id)).toEqual(['apr_2', 'apr_1'])
    })

    test('an answer is added with the state it leads to, and erases what will not run', async () => {
      await approvals.insert(approvalRow('1'))
      await approvals.insert(approvalRow('2'))
      expect(await approvals.addAnswers('apr_1', [approving('bob')], 'granted', 2_000, 0)).toBe(true)
      expect(await approvals.get('apr_1')).toMatchObject({ state: 'granted', decided_at: 2_000, ended_at: null, answers: [approving('bob')], sealed_params: expect.anything() })
      expect(await approvals.addAnswers('apr_2', [{ ...approving('bob'), verdict: 'deny' }], 'refused', 2_000, 0)).toBe(true)
      expect(await approvals.get('apr_2')).toMatchObject({ state: 'refused', decided_at: 2_000, ended_at: 2_000, sealed_params: null })
    })

    test('of answers given at once to the same state of affairs one is added', async () => {
      await approvals.insert(approvalRow('1'))
      const added = await Promise.all(['bob', 'eve', 'joe'].map((who) => approvals.addAnswers('apr_1', [approving(who)], 'pending', 2_000, 0)))
      expect(added.filter(Boolean)).toHaveLength(1)
      expect((await approvals.get('apr_1'))?.answers).toHaveLength(1)
    })

    test('nothing is answered that is expired, ended or unknown', async () => {
      await approvals.insert(approvalRow('1'))
      expect(await approvals.addAnswers('apr_1', [approving('bob')], 'granted', 10_000, 0)).toBe(false)
      expect(await approvals.addAnswers('apr_9', [approving('bob')], 'granted', 2_000, 0)).toBe(false)
      await approvals.move('apr_1', 'pending', 'withdrawn', 2_000)
      expect(await approvals.addAnswers('apr_1', [approving('bob')], 'granted', 2_000, 0)).toBe(false)
    })

    test('of 100 who use a granted approval at once exactly one does', async () => {
      await approvals.insert(approvalRow('1', { state: 'granted', decided_at: 1_500 }))
      const won = await Promise.all(Array.from({ length: 100 }, () => approvals.move('apr_1', 'granted', 'executed', 2_000)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await approvals.get('apr_1')).toMatchObject({ state: 'executed', decided_at: 1_500, ended_at: 2_000, sealed_params: null })
    })

    test('what was not executed after all is given back with its params, while it is unexpired', async () => {
      for (const id of ['1', '2', '3']) await approvals.insert(approvalRow(id, { state: 'granted', decided_at: 1_500 }))
      await approvals.move('apr_1', 'granted', 'executed', 2_000)
      expect(await approvals.giveBack('apr_1', new Uint8Array([7, 8]), 2_100)).toBe(true)
      expect(await approvals.giveBack('apr_1', new Uint8Array([7, 8]), 2_100)).toBe(false)
      const back = await approvals.get('apr_1')
      expect({ ...back, sealed_params: [...back!.sealed_params!] }).toMatchObject({ state: 'granted', decided_at: 1_500, ended_at: null, sealed_params: [7, 8] })
      expect(await approvals.move('apr_1', 'granted', 'executed', 2_200)).toBe(true)
      expect(await approvals.giveBack('apr_1', new Uint8Array([7, 8]), 10_000)).toBe(false)
      await approvals.move('apr_2', 'granted', 'void', 2_000)
      expect(await approvals.giveBack('apr_2', new Uint8Array([7]), 2_100)).toBe(false)
      await approvals.move('apr_3', 'granted', 'executed', 2_000)
      await approvals.takeLeg('apr_3', 0)
      expect(await approvals.giveBack('apr_3', new Uint8Array([7]), 2_100)).toBe(false)
    })

    test('the legs of an executed call pass in their order, each once', async () => {
      await approvals.insert(approvalRow('1', { state: 'granted' }))
      expect(await approvals.takeLeg('apr_1', 0)).toBe(false)
      await approvals.move('apr_1', 'granted', 'executed', 2_000)
      const taken = await Promise.all(Array.from({ length: 20 }, () => approvals.takeLeg('apr_1', 0)))
      expect(taken.filter(Boolean)).toHaveLength(1)
      expect(await approvals.takeLeg('apr_1', 2)).toBe(false)
      expect(await approvals.takeLeg('apr_1', 1)).toBe(true)
    })

    test('what has expired is neither granted nor executed', async () => {
      await approvals.insert(approvalRow('1', { state: 'granted' }))
      await approvals.insert(approvalRow('2'))
      expect(await approvals.move('apr_1', 'granted', 'executed', 10_000)).toBe(false)
      expect(await approvals.move('apr_2', 'pending', 'granted', 10_000)).toBe(false)
      expect(await approvals.move('apr_2', 'pending', 'void', 10_000)).toBe(true)
    })

    test.each(['refused', 'expired', 'withdrawn', 'executed', 'void'] satisfies ApprovalState[])('%s is the end, and keeps no params', async (state) => {
      await approvals.insert(approvalRow('1', { state: 'granted' }))
      expect(await approvals.move('apr_1', 'granted', state, 2_000)).toBe(true)
      expect(await approvals.get('apr_1')).toMatchObject({ state, sealed_params: null })
      for (const from of ['pending', 'granted'] as const) expect(await approvals.move('apr_1', from, 'executed', 2_000)).toBe(false)
    })

    test('expiry takes all that is due, pending or granted, once', async () => {
      await approvals.insert(approvalRow('1'))
      await approvals.insert(approvalRow('2', { state: 'granted' }))
      await approvals.insert(approvalRow('3', { expires_at: 10_001 }))
      await approvals.insert(approvalRow('4', { state: 'executed' }))
      expect([...(await approvals.expire(10_000))].sort()).toEqual(['apr_1', 'apr_2'])
      expect(await approvals.expire(10_000)).toEqual([])
      expect(await approvals.get('apr_2')).toMatchObject({ state: 'expired', ended_at: 10_000, sealed_params: null })
      expect(await approvals.get('apr_3')).toMatchObject({ state: 'pending' })
    })
  })
}
