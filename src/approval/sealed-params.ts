import { hash } from 'node:crypto'
import type { JsonObject } from '../model.ts'
import { createSealing } from '../sealing.ts'
import type { ApprovalRow } from './approval-store.ts'
import { digestText, readParams } from './digest.ts'

export interface SealedParams {
  /** What tells two sendings of one call from two calls. */
  digest(upstream: string, method: string, params: JsonObject): string
  /** Opens again for this approval only, as it was put before its reviewers. */
  seal(params: JsonObject, of: Fixed): Uint8Array
  /** Whether the approval is what was put before its reviewers. */
  isWhole(row: ApprovalRow): boolean
  /** Undefined if they are gone or anything about them is not as it was approved. */
  open(row: ApprovalRow): JsonObject | undefined
}

/** What never changes of an approval: what its reviewers are shown, what they must be, and how long. */
type Fixed = Omit<ApprovalRow, 'state' | 'answers' | 'decided_at' | 'ended_at' | 'sealed_params'>

const about = ({ id, requester, upstream, session, exchange, call, method, reasons, risk, requirements, carried, created_at, expires_at, digest, definition_sha256 }: Fixed): readonly string[] =>
  [hash('sha256', JSON.stringify([id, requester, upstream, session, exchange, call, method, reasons, risk, requirements, carried, created_at, expires_at, digest, definition_sha256]))]

/** The params of calls that wait, under the store's key: 32 bytes. */
export function createSealedParams(key: Uint8Array): SealedParams {
  const sealing = createSealing(key, { seal: 'approval params', digest: 'approval digest' })
  const digest = (upstream: string, method: string, params: JsonObject) => sealing.digest(digestText(upstream, method, params))
  const textOf = (row: ApprovalRow): string | undefined => (row.sealed_params === null ? undefined : sealing.open(row.sealed_params, about(row)))
  return {
    digest,
    isWhole: (row) => textOf(row) !== undefined,
    seal: (params, of) => sealing.seal(JSON.stringify(params), about(of)),
    open(row) {
      const text = row.state === 'pending' || row.state === 'granted' ? textOf(row) : undefined
      const params = text === undefined ? undefined : readParams(text)
      return params !== undefined && digest(row.upstream, row.method, params) === row.digest ? params : undefined
    },
  }
}
