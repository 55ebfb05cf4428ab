import { GatewayError } from '../../errors.ts'
import type { Batch, Op, Result } from './ops.ts'

export interface Limits {
  readonly ops: number
  readonly bytes: number
  /** Bytes of one batch, or one op: what is small does not wait for everything large that came before it to be one commit. */
  readonly batch: number
  /** Waiting longer than this, in milliseconds, means that the writer is stuck: new writes are refused. Copying the log on a slow disk takes tenths of a second. */
  readonly age: number
  /** What has not even been handed to the writer after this long is refused too. */
  readonly patience: number
}
/** How much further the bounds are for outcomes. */
export const furtherForOutcomes = { ops: 2, bytes: 2, patience: 10 }
const asTheyAre = { ops: 1, bytes: 1 }

export interface OwedOp {
  readonly op: Op
  readonly size: number
  readonly isOutcome: boolean
  readonly since: number
  resolve(value: unknown): void
  reject(error: GatewayError): void
}
type Refusal = 'queue_full' | 'record_unavailable'

/** What a queue took and has not settled, in order. Each op is settled exactly once. */
export interface Owed {
  add(op: OwedOp): void
  isFull(size: number, isOutcome: boolean): boolean
  count(): number
  /** The number of the last op that was settled. */
  settled(): number
  /** The number of the last op that the writer was given. */
  handed(): number
  oldest(): OwedOp | undefined
  /** The next batch for the writer, unless it still has one or nothing is owed. */
  nextBatch(): Batch | undefined
  /** Settles all up to `upTo` as durable, save those whose result is a fault. */
  durable(upTo: number, results: ReadonlyMap<number, Result> | undefined): void
  /** Committed, but what the writer had to say of it is lost: who asked a question is told no, and finds out by asking again. */
  durableWithoutResults(): void
  refuseUpTo(upTo: number, why: string): void
  /** Refuses those that the writer was not given: they can be refused cleanly. */
  refuseWaiting(code: Refusal, why: string, which?: (each: OwedOp) => boolean): void
}

/** Ops whose success is all there is to say. */
const silent: ReadonlySet<Op[0]> = new Set(['event', 'put_session', 'end_session', 'insert_approval'])

export function createOwed(limits: Limits, observe?: { refused?(code: Refusal, ops: number): void }): Owed {
  const owed: OwedOp[] = []
  /** The number of the op before the first that is owed; the first `sent` of them are the batch at the writer. */
  let settled = 0
  let sent = 0
  let bytes = 0

  function take(count: number): OwedOp[] {
    const taken = owed.splice(0, count)
    settled += taken.length
    sent = Math.max(0, sent - taken.length)
    for (const each of taken) bytes -= each.size
    return taken
  }

  function refuse(refused: readonly OwedOp[], code: Refusal, detail: string): void {
    if (refused.length === 0) return
    const error = new GatewayError(code, { detail })
    observe?.refused?.(code, refused.length)
    for (const each of refused) each.reject(error)
  }

  return {
    add(op) {
      owed.push(op)
      bytes += op.size
    },
    isFull(size, isOutcome) {
      const further = isOutcome ? furtherForOutcomes : asTheyAre
      return owed.length >= limits.ops * further.ops || (owed.length > 0 && bytes + size > limits.bytes * further.bytes)
    },
    count: () => owed.length,
    settled: () => settled,
    handed: () => settled + sent,
    oldest: () => owed[0],
    nextBatch() {
      if (sent > 0 || owed.length === 0) return undefined
      let weight = 0
      const ops: Op[] = []
      for (const { op, size } of owed) {
        weight += size
        if (weight > limits.batch && ops.length > 0) break
        ops.push(op)
      }
      sent = ops.length
      return [settled + 1, ops]
    },
    durable(upTo, results) {
      let number = settled
      for (const each of take(upTo - settled)) {
        number += 1
        const result = results?.get(number)
        if (result === undefined) each.resolve(undefined)
        else if ('value' in result) each.resolve(result.value)
        else refuse([each], 'record_unavailable', result.fault)
      }
    },
    durableWithoutResults() {
      for (const each of take(sent)) {
        if (silent.has(each.op[0])) each.resolve(undefined)
        else refuse([each], 'record_unavailable', 'the writer ended before it could answer')
      }
    },
    refuseUpTo: (upTo, why) => refuse(take(upTo - settled), 'record_unavailable', why),
    refuseWaiting(code, why, which = () => true) {
      const waiting = owed.splice(sent)
      owed.push(...waiting.filter((each) => !which(each)))
      const refused = waiting.filter(which)
      for (const each of refused) bytes -= each.size
      refuse(refused, code, why)
    },
  }
}
