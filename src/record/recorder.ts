import { GatewayError } from '../errors.ts'
import type { Clock, Exchange, JsonObject, Logger, Mask, Message, SessionId } from '../model.ts'
import { createKeepable, type TextRedaction } from './keepable.ts'
import type { BasisMaker } from './make-basis.ts'
import type { NewEvent, RecordStore, SessionRow } from './record-store.ts'

/** A message as it may be kept: what was detected or masked in it is replaced. */
export interface Redacted {
  readonly envelope: JsonObject
  readonly call: string | null
  readonly method: string
}

export interface RecorderOptions<Scan> extends TextRedaction {
  readonly store: RecordStore
  readonly redact: (message: Message, scan: Scan, masks: readonly Mask[]) => Redacted
  readonly basis: BasisMaker
  /** As the message is printed for whoever gets it. */
  readonly print: (envelope: JsonObject) => string
  readonly clock: Clock
  readonly logger: Logger
}

export interface Recorder<Scan> {
  /** Queued ahead of the session's events; if it cannot be kept, neither can they, until it can. */
  openSession(session: Omit<SessionRow, 'ended_at'>): void
  endSession(id: SessionId): void
  /** Durable when it resolves; rejects with `GatewayError` when nothing was kept. */
  record(exchange: Exchange, scan: Scan, masks: readonly Mask[]): Promise<void>
  /** Run once, before listening: what the last run left open is told as what it is. */
  closeInterrupted(): Promise<number>
}

const mostLate = 10_000

/** Turns exchanges into rows. Nothing that was detected or masked passes here unreplaced, whatever the decision. */
export function createRecorder<Scan>({ store, redact, redactText, isPlain, basis, print, clock, logger }: RecorderOptions<Scan>): Recorder<Scan> {
  /** Sessions whose row could not be kept: it is put again ahead of their next event. */
  const unkept = new Map<SessionId, SessionRow>()
  /** Ends of calls that could not be recorded when they came. */
  const late: NewEvent[] = []
  const keepable = createKeepable({ redactText, isPlain })

  function put(row: SessionRow): void {
    unkept.delete(row.id)
    store.putSession(row).catch((error: unknown) => {
      unkept.set(row.id, row)
      logger.warn('a session could not be recorded yet', { session: row.id, why: detailOf(error) })
    })
  }

  /** The call has ended so whether this can be told or not: it is told when the store takes records again. */
  function tellLater(row: NewEvent): void {
    if (row.closes && row.outcome === 'unknown' && late.length < mostLate) late.push(row)
  }

  function rowOf(exchange: Exchange, scan: Scan, masks: readonly Mask[]): NewEvent {
    const { session, at, message, outcome, closes } = exchange
    const { envelope, call, method } = redact(message, scan, masks)
    const decision = keepable.decision(exchange.decision)
    const findings = keepable.findings(exchange.findings)
    const { verdict } = exchange
    const kept = { envelope, method, findingsAsTheyWere: findings.asTheyWere, verdict: verdict === undefined || verdict === exchange.decision ? undefined : keepable.decision(verdict) }
    return {
      session, at, exchange: exchange.exchange, direction: message.direction, kind: message.kind, method, call, decision, bundle: decision.bundle, outcome,
      findings: findings.text, message: print(envelope), closes, basis: basis.of(exchange, kept),
    }
  }

  /** Whoever watches the log finds the record of what was stopped by its ids. */
  function tell({ session, exchange, method, call, outcome, decision }: NewEvent): void {
    const rules = decision.reasons.map(({ rule }) => rule).join(' ')
    logger.info(`a message was ${outcome}`, { session, exchange, method, ...(call === null ? {} : { call }), rules, bundle: decision.bundle })
  }

  return {
    openSession(session) {
      const client = {
        ...(session.client.name === undefined ? {} : { name: redactText(session.client.name) }),
        ...(session.client.version === undefined ? {} : { version: redactText(session.client.version) }),
      }
      basis.opened(session, client.name === session.client.name && client.version === session.client.version)
      put({ ...session, client, ended_at: null })
    },
    endSession(id) {
      unkept.delete(id)
      basis.ended(id)
      store.endSession(id, clock()).catch((error: unknown) => {
        // It stays open on paper until the next start.
        logger.warn('the end of a session could not be recorded', { session: id, why: detailOf(error) })
      })
    },
    async record(exchange, scan, masks) {
      let row: NewEvent
      try {
        row = rowOf(exchange, scan, masks)
      } catch (cause) {
        throw new GatewayError('record_unavailable', { cause, detail: 'a message could not be made fit to be kept' })
      }
      const session = unkept.get(exchange.session)
      if (session !== undefined) put(session)
      try {
        await store.append(row)
      } catch (error) {
        tellLater(row)
        throw error
      }
      if (late.length > 0) for (const each of late.splice(0)) store.append(each).catch(() => tellLater(each))
      if (row.outcome === 'denied' || row.outcome === 'held') tell(row)
    },
    async closeInterrupted() {
      try {
        return await store.closeInterrupted(clock())
      } catch (cause) {
        throw new Error(`the store cannot be written: ${detailOf(cause)}`, { cause })
      }
    },
  }
}

function detailOf(error: unknown): string {
  return error instanceof GatewayError ? `${error.code}: ${error.detail ?? ''}` : String(error)
}
