import { GatewayError } from '../errors.ts'
import type { Pending } from './session.ts'

/** Measures how long a server leaves a call without a message, the time left out in which the gateway or the client is busy with the last one. */
export interface Silence {
  heard(): void
  waiting(): void
  end(): void
}

// A subscription may be quiet for as long as nothing changes.
export function watchSilence({ request, abort }: Pending, limit: number): Silence | undefined {
  if (request.method === 'subscriptions/listen') return undefined
  let waits = true
  let isOver = false
  // What came while this process stood still is read first.
  const look = () => setImmediate(() => {
    if (isOver) return
    if (waits) abort.abort(new GatewayError('upstream_timeout', { detail: 'the server sent no message for too long' }))
    else timer.refresh()
  })
  const timer = setTimeout(look, limit).unref()
  return {
    heard() {
      waits = false
    },
    waiting() {
      waits = true
      timer.refresh()
    },
    end() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

/** The fault for which the gateway itself ended an exchange; what the server's side then reports only follows from it. */
export const gaveUp = ({ abort }: Pending): GatewayError | undefined => (abort.signal.reason instanceof GatewayError ? abort.signal.reason : undefined)
