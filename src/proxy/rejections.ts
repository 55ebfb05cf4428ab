import { callerOf, type Actor, type Exchange, type SessionId } from '../model.ts'
import type { Rooms } from './rooms.ts'

/** A request that was turned away before anybody judged it. Nothing of what it said is kept: nobody has looked at it. */
export interface Rejection {
  /** The server it was meant for, or the path of the API. */
  readonly upstream: string
  /** The address it came from. */
  readonly from: string
  /** Who sent it, where that is known. */
  readonly actor?: Actor
  readonly status: number
  readonly code: string
  readonly message: string
}
export interface Rejections {
  /** Keeps that it happened. The caller waits for nothing. */
  tell(rejection: Rejection): void
  /** Run every minute: records what was only counted. */
  sweep(): void
  close(): void
}

interface Kind {
  readonly first: Rejection
  /** Those that are not on record yet. */
  times: number
}
interface Door {
  readonly id: SessionId
  lastUsed: number
}

/** Records in a minute, of whatever sources: who floods the door is counted, and fills no store. */
const mostRecords = 60
const mostKinds = 1000
const mostDoors = 1000
const idleAfter = 30 * 60_000
const nobody: Actor = { kind: 'nobody', groups: [], groups_known: true }

/**
 * What is refused at the door leaves a record: the first of its kind at once, those of the same source and reason that follow within a
 * minute as one with their number. What is too much even for that is one record for each server.
 */
export function createRejections({ record, enforce, policy, ids, clock, logger }: Pick<Rooms, 'record' | 'enforce' | 'policy' | 'ids' | 'clock' | 'logger'>): Rejections {
  const kinds = new Map<string, Kind>()
  /** One recording for each server and caller. */
  const doors = new Map<string, Door>()
  let spent = 0

  function doorOf({ upstream, actor = nobody }: Rejection): SessionId {
    const key = JSON.stringify([upstream, actor.kind === 'nobody' ? null : callerOf(actor)])
    const known = doors.get(key)
    const door = known ?? { id: ids.session(), lastUsed: 0 }
    door.lastUsed = clock()
    if (known !== undefined) return door.id
    for (const [oldest, { id }] of doors) {
      if (doors.size < mostDoors) break
      doors.delete(oldest)
      record.endSession(id)
    }
    doors.set(key, door)
    record.openSession({ id: door.id, started_at: door.lastUsed, actor, upstream, revision: 'none', client: {} })
    return door.id
  }

  function keep(rejection: Rejection, times: number): void {
    spent += 1
    const { status, code, from } = rejection
    const message = enforce.redactText(rejection.message)
    const exchange: Exchange = {
      session: doorOf(rejection),
      exchange: ids.exchange(),
      at: clock(),
      message: { direction: 'to_server', kind: 'request', id: 0, method: 'unknown', revision: '2025-11-25', envelope: { rejected: { status, from, times } }, body: {} },
      findings: [],
      decision: { kind: 'deny', reasons: [{ code, message, rule: `sallyport/${code}` }], risk: 0, listed: [], bundle: policy.active() ?? 'none', mask: [] },
      outcome: 'denied',
      closes: true,
    }
    record.record(exchange, enforce.scan({}), []).catch((error: unknown) => logger.warn('a request that was turned away could not be recorded', { code, times, error: String(error) }))
  }

  function sweep(): void {
    spent = 0
    const rest = new Map<string, Kind>()
    for (const { first, times } of kinds.values()) {
      if (times === 0) continue
      if (spent < mostRecords) {
        keep(first, times)
        continue
      }
      const others = rest.get(first.upstream) ?? { first: { upstream: first.upstream, from: 'many', status: first.status, code: 'rejected', message: 'requests that were turned away, more than are told apart' }, times: 0 }
      others.times += times
      rest.set(first.upstream, others)
    }
    for (const { first, times } of rest.values()) keep(first, times)
    kinds.clear()
    for (const [key, { id, lastUsed }] of doors) {
      if (clock() - lastUsed <= idleAfter) continue
      doors.delete(key)
      record.endSession(id)
    }
  }

  return {
    sweep,
    tell(rejection) {
      const { upstream, from, actor, status, code } = rejection
      const isFull = kinds.size >= mostKinds
      const key = JSON.stringify(isFull ? [upstream] : [upstream, from, actor === undefined || actor.kind === 'nobody' ? null : callerOf(actor), status, code])
      const known = kinds.get(key)
      if (known !== undefined) {
        known.times += 1
        return
      }
      const isFirst = !isFull && spent < mostRecords
      kinds.set(key, { first: isFull ? { ...rejection, from: 'many' } : rejection, times: isFirst ? 0 : 1 })
      if (isFirst) keep(rejection, 1)
    },
    close() {
      sweep()
      for (const { id } of doors.values()) record.endSession(id)
      doors.clear()
    },
  }
}
