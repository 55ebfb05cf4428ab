import { setTimeout as pause } from 'node:timers/promises'
import * as openid from 'openid-client'
import { GatewayError } from '../../errors.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, Logger } from '../../model.ts'
import { exchangeSeconds } from '../../openid.ts'
import { whyNot } from '../token-endpoint.ts'
import type { Known } from './client.ts'
import { giveBack } from './give-back.ts'
import type { Connected, ConnectionRow } from './connection-row.ts'
import { NotConnectable } from './server.ts'
import { tokensOf } from './tokens.ts'

export interface RefreshingParts {
  readonly upstream: string
  readonly row: ConnectionRow
  readonly client: () => Promise<Known>
  readonly kept: Pick<Kept, 'add' | 'get' | 'drop'>
  readonly clock: Clock
  readonly logger: Logger
  readonly tell: (result: 'given' | 'refused' | 'failed') => void
}

const kind = 'upstream:refresh'
/** One exchange with the authorization server is made under the lock, and what comes of it is kept. */
const lockFor = 2 * exchangeSeconds * 1000

/** Gets the next token of a connection. One process asks for all: a refresh token may be good once only. */
export function createRefreshing({ upstream, row, client, kept, clock, logger, tell }: RefreshingParts): (connected: Connected) => Promise<void> {
  async function refreshLocked(before: Connected, known: Known): Promise<void> {
    // Somebody had the lock before, and has done it.
    if ((await row.versionNow()) !== before.version) return
    if (known.server.issuer !== before.tokens.issuer) return row.end(before, 'another authorization server')
    const granted = await openid.refreshTokenGrant(known.client, before.tokens.refresh ?? '', { resource: known.server.resource }).catch((cause: unknown) => {
      if (cause instanceof openid.ResponseBodyError && cause.error === 'invalid_grant') return cause
      throw cause
    })
    if (granted instanceof Error) {
      tell('refused')
      return row.end(before, granted.error)
    }
    tell('given')
    const next = tokensOf(granted, before.tokens, clock())
    const isKept = await row.replace(next, before)
    // Who disconnected meanwhile gave back what there was then: nobody but this process knows of these.
    if ((await row.read()) === undefined && !isKept) await giveBack(known, next).catch((cause: unknown) => logger.warn('what somebody was given after they had disconnected could not be given back', { upstream, why: whyNot(cause) }))
  }

  async function waitForOther(version: number, lock: string): Promise<void> {
    const until = performance.now() + lockFor
    while (performance.now() < until) {
      await pause(50)
      if ((await row.versionNow()) !== version) return
      if ((await kept.get(kind, lock)) === undefined) return
    }
  }

  return async (before) => {
    try {
      // Before the lock is taken, since nobody knows how long it takes to find the server.
      const known = await client()
      const lock = `${row.key} ${before.version}`
      if (!(await kept.add(kind, lock, {}, { expiresAt: clock() + lockFor }))) return await waitForOther(before.version, lock)
      await refreshLocked(before, known).finally(() => kept.drop(kind, lock))
    } catch (cause) {
      tell('failed')
      throw new GatewayError('upstream_unreachable', { cause, detail: `the token of a person for ${upstream} cannot be refreshed: ${cause instanceof NotConnectable ? cause.message : whyNot(cause)}` })
    }
  }
}
