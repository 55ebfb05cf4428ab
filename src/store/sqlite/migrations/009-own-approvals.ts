import type { Migration } from '../migrate.ts'

/** Whoever has no role looks for their own approvals among everybody's. */
export const ownApprovals: Migration = {
  version: 9,
  name: 'own approvals',
  sql: 'CREATE INDEX approval_by_requester ON approval (issuer, subject, n)',
}
