import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import supertest from 'supertest'
import type { PolicyDesk } from '../../src/admin/policy.ts'
import { createAdminRouter, type AdminParts } from '../../src/admin/router.ts'
import { createApprovals } from '../../src/approval/approval.ts'
import type { ApprovalId, KnownActor } from '../../src/model.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { decision, person, silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'

export const people: { readonly [name: string]: KnownActor } = {
  sam: person('sam', { email: 'sam@example.com', groups: ['support'], claims: { secret_claim: 'x' } }),
  riley: person('riley', { email: 'riley@example.com', groups: ['oncall'] }),
  ada: person('ada', { groups: ['audit'] }),
  vera: person('vera', { groups: ['looking'] }),
  overage: person('overage', { groups: ['oncall'], groups_known: false }),
  bot: { ...person('bot'), kind: 'agent', acting_for: { issuer: 'https://id.example', subject: 'sam' } },
  robot: { ...person('robot', { groups: ['oncall'] }), kind: 'service' },
}
/** As a policy would give them. */
const rolesOf: AdminParts['rolesOf'] = async ({ groups, groups_known }) =>
  (groups_known ? ([['viewer', 'looking'], ['reviewer', 'oncall'], ['auditor', 'audit']] as const).flatMap(([role, group]) => (groups.includes(group) ? [role] : [])) : [])
const status = {
  active: { digest: 'bnd_1', revision: 'r1', activated_at: '2026-11-21T00:00:00.000Z' },
  last_run: { at: '2026-11-21T00:00:01.000Z', stages: [{ name: 'read', ms: 3, ok: true }, { name: 'build', ms: 9, ok: false }], error: 'rego/x.rego:1: no', problems: [{ stage: 'build', file: 'rego/x.rego', row: 1, code: 'no', message: 'no' }], warnings: [] },
}

/** Nothing was ever kept. */
const emptyDesk: PolicyDesk = {
  rollback: async () => ({ ok: false, code: 'unknown_bundle', message: 'no bundle of this digest is kept' }),
  release: async () => ({ ok: false, code: 'not_rolled_back', message: 'nothing was rolled back' }),
  kept: () => [],
  acts: () => [],
}

/** The API over a real store. The bearer token is the name of who asks. */
export async function openWorld(parts: Partial<Pick<AdminParts, 'bundle' | 'webhook'>> = {}) {
  const place = scratch()
  const store = await createSqliteStore({ path: place.path, logger: silent })
  let next = 0
  const approvals = createApprovals({
    store: store.approvals, clock: Date.now, ids: { approval: (): ApprovalId => `apr_${++next}` }, key: new Uint8Array(32).map((_, index) => index * 7),
    redactText: (text) => text.replaceAll('4242424242424242', '[card]'), logger: silent,
  })
  const router = createAdminRouter({
    resolve: async (request) => {
      const actor = people[request.get('authorization')?.replace('Bearer ', '') ?? '']
      return actor === undefined ? { ok: false, status: 401, code: 'no_token', message: 'a token is needed', www_authenticate: 'Bearer resource_metadata="x"' } : { ok: true, actor }
    },
    rolesOf, bundle: { active: () => undefined, read: async () => undefined }, ...parts, sessions: store.records, approvals, policy: () => status, policyDesk: () => emptyDesk,
    upstreams: () => [{ name: 'crm', kind: 'http', labels: { tier: 'demo' }, endpoint: 'http://127.0.0.1:1/mcp/crm' }],
  })
  const app = express().use('/api/v1', router)
  const http = app.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    store,
    approvals,
    get: (as: string, path: string) => supertest(app).get(`/api/v1/${path}`).set('authorization', `Bearer ${as}`),
    post: (as: string, path: string, body: unknown) => supertest(app).post(`/api/v1/${path}`).set('authorization', `Bearer ${as}`).send(body as object),
    raw: () => supertest(app),
    async hold(requester: KnownActor, limit: number) {
      const held = await approvals.hold({
        requester, upstream: 'crm', session: 'ses_1', exchange: 'exg_1', method: 'tools/call', call: { kind: 'tool', name: 'export_customers', arguments: { limit }, others: {} },
        params: JSON.stringify({ name: 'export_customers', arguments: { limit } }), definition_sha256: null, decision: decision('require_approval'), carried: [],
      })
      return held.approval.id
    },
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      approvals.close()
      await store.close()
      place.remove()
    },
  }
}
export type World = Awaited<ReturnType<typeof openWorld>>
