import type { From } from './calls.ts'
import { createSilentChannel } from './channel.ts'
import type { About, Judge } from './evaluate.ts'
import { forget, track } from './pending.ts'
import { passMessage } from './pipeline.ts'
import { relayRequest } from './relay.ts'
import { sendOnly } from './send.ts'
import type { ClientSession } from './session.ts'

/** A child that was restarted has forgotten everything: it is greeted as the client greeted it, judged like any message. */
export function greetAgain(from: From, rooms: Judge): Promise<void> | undefined {
  const { session } = from
  return session.greets === undefined && forgottenAs(session) === undefined ? undefined : greetInTurn(from, rooms)
}

async function greetInTurn(from: From, rooms: Judge): Promise<void> {
  const { session } = from
  while (session.greets !== undefined) await session.greets
  const generation = forgottenAs(session)
  if (session.greeting === undefined || generation === undefined) return
  const before = session.greeted
  session.greeted = generation
  const settle = () => void (session.greets = undefined)
  const greets = greetNow(session.greeting, from, rooms).catch((cause: unknown) => {
    session.greeted = before // it could not be recorded: whoever comes next tries again
    throw cause
  })
  session.greets = greets.then(settle, settle)
  await greets
}

/** The generation that has not been greeted, where there is one. */
function forgottenAs(session: ClientSession): number | undefined {
  const generation = session.greeting === undefined ? undefined : generationOf(session)
  return generation === session.greeted ? undefined : generation
}

/** Undefined where no child can be started: the message is judged and recorded, and then fails. */
function generationOf(session: ClientSession): number | undefined {
  try {
    return session.link.generation
  } catch {
    return undefined
  }
}

async function greetNow(greeting: NonNullable<ClientSession['greeting']>, { session, actor }: From, rooms: Judge): Promise<void> {
  const pending = track(greeting.initialize, createSilentChannel(), { session, actor }, rooms, { internal: () => undefined })
  const passage = await passMessage(greeting.initialize, { session, actor, exchange: pending.exchange }, { closes: false }, rooms)
  if (passage.kind !== 'forward') return forget(pending, session)
  await relayRequest(passage, pending, session, rooms)
  if (greeting.initialized === undefined) return
  const about: About = { session, actor, exchange: rooms.ids.exchange() }
  const notice = await passMessage(greeting.initialized, about, { closes: true }, rooms)
  if (notice.kind === 'forward') await sendOnly(notice, about, { closes: true }, rooms)
}
