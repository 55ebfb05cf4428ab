import type { ApprovalRow } from '../../src/approval/approval-store.ts'
import type { Decision, KnownActor, Logger, Person } from '../../src/model.ts'
import type { NewEvent, SessionRow } from '../../src/record/record-store.ts'

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const person = (subject: string, more: Partial<Person> = {}): Person => ({
  kind: 'person', subject, issuer: 'https://id.example', provider: 'okta', groups: ['support'], groups_known: true, claims: {}, ...more,
})

export const sessionRow = (id: string, more: Partial<SessionRow> = {}): SessionRow => ({
  id: `ses_${id}`, started_at: 1_000, ended_at: null, actor: person('alice', { email: 'Alice@Example.com' }), upstream: 'crm', revision: '2025-11-25', client: { name: 'inspector' }, ...more,
})

export function decision<K extends Decision['kind']>(kind: K): Extract<Decision, { kind: K }> {
  const base = { reasons: [{ code: 'because', rule: 'crm/x/because' }], risk: 0, listed: [], bundle: 'bnd_0' as const }
  const all: { readonly [Kind in Decision['kind']]: Extract<Decision, { kind: Kind }> } = {
    allow: { ...base, kind: 'allow' },
    deny: { ...base, kind: 'deny' },
    mask: { ...base, kind: 'mask', mask: [{ path: '/ssn', with: '[SSN]', must: false, rule: 'crm/mask/ssn' }] },
    require_approval: {
      ...base, kind: 'require_approval', mask: [],
      approval: { ttl: '15m', requirements: [{ rule: 'crm/require_approval/bulk', code: 'bulk', reviewers: ['oncall'], quorum: 1 }] },
    },
  }
  return all[kind] as Extract<Decision, { kind: K }>
}

export const event = (session: string, exchange: string, more: Partial<NewEvent> = {}): NewEvent => ({
  session: `ses_${session}`, at: 2_000, exchange: `exg_${exchange}`, direction: 'to_server', kind: 'request', method: 'tools/call', call: 'query', decision: decision('allow'),
  bundle: 'bnd_0', outcome: 'forwarded', findings: '[]', message: '{"jsonrpc":"2.0"}', closes: false, basis: null, ...more,
})

export const answerEvent = (session: string, exchange: string, more: Partial<NewEvent> = {}): NewEvent =>
  event(session, exchange, { direction: 'to_client', kind: 'result', outcome: 'answered', closes: true, ...more })

export const requester: KnownActor = person('alice', { email: 'alice@example.com' })

export const approvalRow = (id: string, more: Partial<ApprovalRow> = {}): ApprovalRow => ({
  id: `apr_${id}`, state: 'pending', requester, upstream: 'crm', session: 'ses_1', exchange: 'exg_1', call: { kind: 'tool', name: 'export', arguments: { limit: 5000 }, others: {} },
  method: 'tools/call', reasons: [{ code: 'bulk', rule: 'crm/require_approval/bulk' }], risk: 12.5,
  requirements: [{ rule: 'crm/require_approval/bulk', code: 'bulk', reviewers: ['oncall'], quorum: 1 }], carried: [], answers: [], created_at: 1_000, expires_at: 10_000,
  decided_at: null, ended_at: null, digest: 'd1', definition_sha256: null, sealed_params: new Uint8Array([1, 2, 3]), ...more,
})

export const approving = (subject: string, index = 0) => ({
  requirement: 'crm/require_approval/bulk', index, verdict: 'approve' as const, reviewer: { issuer: 'https://id.example', subject }, reason: 'fine', at: 2_000, mark: '',
})
