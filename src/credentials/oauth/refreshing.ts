import { setTimeout as pause } from 'node:timers/promises'
import * as openid from 'openid-client'
import { GatewayError } from '../../errors.ts'
import { isObject } from '../../exact-json.ts'
import type { Kept } from '../../kept.ts'
import type { Clock, Logger } from '../../model.ts'
import { exchangeSeconds, type Found } from '../../openid.ts'
import { ofPerson, whyNot } from '../token-endpoint.ts'
import { knownFor, type Known } from './client.ts'
import { giveBack } from './give-back.ts'
import type { ConnectionRow } from './connection-row.ts'
import { NotConnectable } from './server.ts'
import { isSameGrant, tokensOf, type Tokens } from './tokens.ts'

export interface RefreshingParts {
  readonly upstream: string
  readonly row: ConnectionRow
  readonly client: Found<Known>
  readonly kept: Pick<Kept, 'add' | 'get' | 'drop'>
  readonly clock: Clock
  readonly logger: Logger
  readonly tell: (result: 'given' | 'refused' | 'failed') => void
}

const kind = 'upstream:refresh'
/** One exchange with the authorization server is made under the lock, and what comes of it is kept. */
const lockFor = 2 * exchangeSeconds * 1000

/** What says that the refresh token is worth nothing any more. GitHub has a word of its own, and says it with 200. */
const endings = new Set(['bad_refresh_token', ...ofPerson])

/** The word by which the authorization server said no; undefined where it said nothing. */
function refusalOf(cause: unknown): string | undefined {
  if (cause instanceof openid.ResponseBodyError) return cause.error
  // With 200, the library finds nothing but that there is no token; what came is the last of its causes.
  if (cause instanceof Error) return refusalOf(cause.cause)
  const body = isObject(cause) ? cause['body'] : undefined
  return isObject(body) && typeof body['error'] === 'string' ? body['error'] : undefined
}

/** Gets the next token of a connection: resolves once the one before is not kept any more. One process asks for all: a refresh token may be good once only. */
export function createRefreshing({ upstream, row, client, kept, clock, logger, tell }: RefreshingParts): (before: Tokens) => Promise<void> {
  const isStill = async (before: Tokens): Promise<boolean> => {
    const now = await row.read()
    return now !== undefined && isSameGrant(now.tokens, before)
  }

  async function refreshLocked(before: Tokens, known: Known): Promise<void> {
    // Somebody had the lock before, and has done it.
    if (!(await isStill(before))) return
    if (known.server.issuer !== before.issuer) return row.end(before, 'another authorization server')
    let granted: openid.TokenEndpointResponse
    try {
      granted = await openid.refreshTokenGrant(known.client, before.refresh ?? '', { resource: known.server.resource })
    } catch (cause) {
      const error = refusalOf(cause)
      if (error === undefined || !endings.has(error)) throw cause
      tell('refused')
      return row.end(before, error)
    }
    tell('given')
    const next = tokensOf(granted, before, clock())
    const isKept = await row.succeed(next, before)
    // Who disconnected meanwhile gave back what there was then: nobody but this process knows of these.
    if ((await row.read()) === undefined && !isKept) await giveBack(known, next).catch((cause: unknown) => logger.warn('what somebody was given after they had disconnected could not be given back', { upstream, why: whyNot(cause) }))
  }

  async function waitForOther(before: Tokens): Promise<void> {
    const until = performance.now() + lockFor
    while (performance.now() < until) {
      await pause(50)
      // First, since whoever has the lock keeps what comes of it before it is given back.
      const isLocked = (await kept.get(kind, row.key)) !== undefined
      if (!(await isStill(before))) return
      if (!isLocked) break
    }
    throw new Error('another process could not')
  }

  return async (before) => {
    try {
      // Before the lock is taken, since nobody knows how long it takes to find the server.
      const known = await knownFor(before, client)
      if (!(await kept.add(kind, row.key, {}, { expiresAt: clock() + lockFor }))) return await waitForOther(before)
      await refreshLocked(before, known).finally(() => kept.drop(kind, row.key))
    } catch (cause) {
      tell('failed')
      throw new GatewayError('upstream_unreachable', { cause, detail: `the token of a person for ${upstream} cannot be refreshed: ${cause instanceof NotConnectable ? cause.message : whyNot(cause)}` })
    }
  }
}
