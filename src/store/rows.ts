import type { Selectable } from 'kysely'
import { messageOf } from '../errors.ts'
import { parseExactJson } from '../exact-json.ts'
import { readFindings } from '../findings.ts'
import type { ApprovalRow } from '../approval/approval-store.ts'
import type { EventRow, SessionSummary } from '../record/record-store.ts'
import type { SessionId } from '../model.ts'
import type { ApprovalTable, EventTable, SessionTable } from './schema.ts'

// What is read back was written by this gateway, so the casts below only name the shapes that `JSON.parse` forgets.

export function readSession(row: Selectable<SessionTable>): SessionSummary {
  const { n: _, id, actor, client, upstream, revision, started_at, ended_at, events, denied, masked, approvals } = row
  return {
    id: id as SessionSummary['id'],
    started_at,
    ended_at,
    actor: JSON.parse(actor) as SessionSummary['actor'],
    upstream,
    revision: revision as SessionSummary['revision'],
    client: JSON.parse(client) as SessionSummary['client'],
    events,
    denied,
    masked,
    approvals,
  }
}

export function readEvent(session: SessionId, row: Selectable<EventTable>): EventRow {
  return {
    session,
    seq: row.seq,
    at: row.at,
    exchange: row.exchange as EventRow['exchange'],
    direction: row.direction as EventRow['direction'],
    kind: row.kind as EventRow['kind'],
    method: row.method,
    call: row.call,
    decision: JSON.parse(row.decision) as EventRow['decision'],
    bundle: row.bundle as EventRow['bundle'],
    outcome: row.outcome as EventRow['outcome'],
    findings: findingsOf(session, row),
    message: row.message,
    closes: row.closes === 1,
    basis: row.basis,
  }
}

function findingsOf(session: SessionId, { seq, findings }: Selectable<EventTable>): EventRow['findings'] {
  try {
    return readFindings(findings)
  } catch (cause) {
    throw new Error(`event ${seq} of session ${session} cannot be read from the store: ${messageOf(cause)}`, { cause })
  }
}

export const approvalColumns = [
  'id', 'state', 'issuer', 'subject', 'requester', 'upstream', 'session', 'exchange', 'call', 'method', 'reasons', 'risk', 'requirements', 'carried',
  'answers', 'answer_count', 'created_at', 'expires_at', 'decided_at', 'ended_at', 'digest', 'definition_sha256', 'sealed_params',
] as const satisfies readonly (keyof ApprovalTable)[]

/** In the order of `approvalColumns`. */
export function approvalValues(row: ApprovalRow): (string | number | null | Uint8Array)[] {
  const values: Record<(typeof approvalColumns)[number], string | number | null | Uint8Array> = {
    ...row,
    issuer: row.requester.issuer,
    subject: row.requester.subject,
    requester: JSON.stringify(row.requester),
    call: JSON.stringify(row.call),
    reasons: JSON.stringify(row.reasons),
    requirements: JSON.stringify(row.requirements),
    carried: JSON.stringify(row.carried),
    answers: JSON.stringify(row.answers),
    answer_count: row.answers.length,
  }
  return approvalColumns.map((column) => values[column])
}

function readCall(text: string): ApprovalRow['call'] {
  const call = parseExactJson(text) as ApprovalRow['call']
  return Object.hasOwn(call, 'others') ? call : { ...call, others: {} } // from before it was told what else is sent
}

export function readApproval(row: Selectable<ApprovalTable>): ApprovalRow {
  const { n: _, issuer: __, subject: ___, answer_count: ____, legs: _____, ...rest } = row
  return {
    ...rest,
    id: row.id as ApprovalRow['id'],
    state: row.state as ApprovalRow['state'],
    session: row.session as ApprovalRow['session'],
    exchange: row.exchange as ApprovalRow['exchange'],
    requester: JSON.parse(row.requester) as ApprovalRow['requester'],
    call: readCall(row.call),
    reasons: JSON.parse(row.reasons) as ApprovalRow['reasons'],
    requirements: JSON.parse(row.requirements) as ApprovalRow['requirements'],
    carried: JSON.parse(row.carried) as ApprovalRow['carried'],
    answers: JSON.parse(row.answers) as ApprovalRow['answers'],
  }
}
