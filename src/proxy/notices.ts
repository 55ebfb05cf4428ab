import { setTimeout as pause } from 'node:timers/promises'
import type { Notification } from '../model.ts'
import type { ListName } from '../wire/changes.ts'
import type { Channel } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import { passMessage } from './pipeline.ts'
import type { ClientSession, Hearing, Pending } from './session.ts'
import { endIfRefused } from './subscriptions.ts'

/** Tells clients that what they may see has changed, where another bundle is active than when they were last told. */
export interface Notices {
  /** Another bundle is active. */
  changed(): void
  close(): void
}

/** Whoever hears that lists have changed, and where. */
interface Hearer {
  readonly hears: Hearing
  readonly channel: Channel
  /** The subscription by which it hears, in the newer era. */
  readonly owner?: Pending
}

// Whoever is told lists anew: told all at once, they would all come back at once.
const atOnce = 10
const pace = 50

export function createNotices(sessions: () => readonly ClientSession[], rooms: Judge): Notices {
  const closing = new AbortController()
  let isTelling = false

  const tellAll = async () => {
    /** Not told for a fault: told when they open their next stream, or with the next bundle. */
    const failed = new Set<ClientSession>()
    for (;;) {
      // A bundle that is followed by another at once is told of once.
      await pause(pace, undefined, { signal: closing.signal, ref: false })
      const due = sessions().filter((session) => !failed.has(session) && hearersOf(session, rooms).length > 0)
      if (due.length === 0) return
      await Promise.all(due.slice(0, atOnce).map(async (session) => {
        if (!(await tellOwed(session, rooms))) failed.add(session)
      }))
    }
  }
  return {
    changed() {
      if (isTelling) return
      isTelling = true
      void tellAll().catch(() => undefined).finally(() => (isTelling = false)) // it only ends so when it is closed
    },
    close: () => closing.abort(),
  }
}

/** Those of a session that have not been told of the bundle now active, and can be. */
function hearersOf(session: ClientSession, { policy }: Judge): readonly Hearer[] {
  const isOwed = (hears: Hearing | undefined): hears is Hearing => hears !== undefined && hears.told !== policy.active()
  const waiting = [...session.pending.values()].filter(({ answered, channel }) => !answered && channel.streams)
  if (session.era === 'modern') return waiting.flatMap((owner) => (isOwed(owner.hears) ? [{ hears: owner.hears, channel: owner.channel, owner }] : []))
  const { hears, listening } = session
  // Its own stream, or else that of any call.
  const channel = listening?.streams === true ? listening : waiting[0]?.channel
  return !isOwed(hears) || hears.lists.length === 0 || channel === undefined ? [] : [{ hears, channel }]
}

/** Tells a session what it has not been told yet. False where it could not be told. */
export async function tellOwed(session: ClientSession, rooms: Judge): Promise<boolean> {
  const told = await Promise.all(hearersOf(session, rooms).map((hearer) => tell(hearer, session, rooms)))
  return told.every(Boolean)
}

async function tell({ hears, channel, owner }: Hearer, session: ClientSession, rooms: Judge): Promise<boolean> {
  const before = hears.told
  hears.told = rooms.policy.active()
  try {
    if (owner !== undefined) await endIfRefused(owner, session, rooms)
    const about: About = owner === undefined ? { session, actor: session.actor, exchange: rooms.ids.exchange() } : { session, actor: owner.actor, exchange: owner.exchange, request: owner.request }
    for (const list of hears.lists) if (owner?.answered !== true) await tellChange(list, about, { channel, owner }, rooms)
    return true
  } catch (cause) {
    hears.told = before
    rooms.logger.warn('a client was not told that the policies changed', { session: session.id, cause: String(cause) })
    return false
  }
}

/** The gateway's own words are judged and recorded like any notification; `_meta` says whose they are. */
async function tellChange(list: ListName, about: About, { channel, owner }: Pick<Hearer, 'channel'> & { readonly owner: Pending | undefined }, rooms: Judge): Promise<void> {
  const envelope = rooms.wire.changeNotice(list, owner?.request.id)
  const body = envelope['params'] as Notification['body'] // made with params
  const message: Notification = { direction: 'to_client', revision: about.session.revision, kind: 'notification', method: `notifications/${list}/list_changed`, envelope, body }
  const passage = await passMessage(message, about, { closes: owner === undefined }, rooms)
  if (passage.kind === 'forward' && channel.streams) await channel.release(passage.evaluated, about)
}
