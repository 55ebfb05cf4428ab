import { errors } from 'oidc-provider'
import { createBounded, type Bounded, type Kept, type KeptValue } from '../kept.ts'
import type { Clock, JsonObject } from '../model.ts'
import type { RegisteredClients } from './clients.ts'

/** What the library keeps its things in: one for each of its models. */
export interface Adapter {
  upsert(id: string, payload: Record<string, unknown>, seconds?: number): Promise<void>
  find(id: string): Promise<Record<string, unknown> | undefined>
  /** For device codes. */
  findByUserCode?(code: string): Promise<Record<string, unknown> | undefined>
  consume(id: string): Promise<void>
  destroy(id: string): Promise<void>
  revokeByGrantId(grant: string): Promise<void>
}

export const kindOf = (model: string): string => `oauth:${model}`
const groupOfGrant = (id: string): string => `grant ${id}`
export const groupOfAccount = (id: string): string => `account ${id}`
/** What ends together. */
export const ofGrants = ['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'Grant'] as const

/** By so much clocks may differ. */
const unnoticedFor = 60_000

export interface AdapterOptions {
  readonly kept: Kept
  readonly clock: Clock
  /** Clients of the configuration, as metadata; nobody else can have their names. */
  readonly configured: ReadonlyMap<string, Record<string, unknown>>
  /** Clients that registered themselves. */
  readonly clients: Pick<RegisteredClients, 'keep' | 'find' | 'forget'>
  /** A grant ended, with all that stands on it; resolves when every process knows. */
  readonly ended: () => Promise<void>
  /** Milliseconds for which an access token is good. */
  readonly tokensLive: number
  /** Access tokens are signed, not kept: one that was brought to be revoked or asked about. */
  readonly brought: (id: string) => Record<string, unknown> | undefined
  /** Requests under way, begun in each process. */
  readonly mostUnderWay?: number
}

/** What anybody may begin, before it is known who they are. */
const forAnybody = ['Interaction', 'DeviceCode'] as const
const usualMostUnderWay = 20_000

/** Everything lives sealed in the store, where the values that clients hold are only keys. */
export function createAdapters(options: AdapterOptions): (model: string) => Adapter {
  const { kept, clock, mostUnderWay: most = usualMostUnderWay } = options
  const bounded = new Map<string, Bounded>(forAnybody.map((model) => [model, createBounded(kept, { kind: kindOf(model), most, clock })]))
  return (model) => {
    if (model === 'Session') return forgetful
    if (model === 'AccessToken' || model === 'ClientCredentials') return createTokenAdapter(model, options)
    if (model === 'ReplayDetection') return createReplayAdapter(options)
    if (model === 'Client') return createClientAdapter(options)
    return createModelAdapter(model, options, bounded.get(model))
  }
}

/** Who is signed in is known elsewhere; a session of the library's own lasts for one answer. */
const forgetful: Adapter = { upsert: async () => undefined, find: async () => undefined, consume: async () => undefined, destroy: async () => undefined, revokeByGrantId: async () => undefined }

const ended = 'oauth:ended'
/** Whether a token was given back. */
export const hasEnded = async (kept: Kept, token: string): Promise<boolean> => (await kept.get(ended, token)) !== undefined

const createTokenAdapter = (model: string, { kept, clock, brought, ended: told, tokensLive }: AdapterOptions): Adapter => ({
  ...forgetful,
  async find(id) {
    const found = brought(id)
    return found?.['kind'] === model ? found : undefined
  },
  async destroy(id) {
    await kept.put(ended, id, {}, { expiresAt: clock() + tokensLive + unnoticedFor })
    await told()
  },
})

/** What may be shown once. The library looks before it writes, so that of two at once both would pass. */
const createReplayAdapter = ({ kept, clock }: AdapterOptions): Adapter => ({
  ...forgetful,
  async upsert(id, payload, seconds = 0) {
    const isFirst = await kept.add(kindOf('ReplayDetection'), id, JSON.parse(JSON.stringify(payload)), { expiresAt: clock() + Math.max(seconds, 0) * 1000 + unnoticedFor })
    if (!isFirst) throw new errors.InvalidClientAuth('client assertion tokens must only be used once')
  },
})

/** Drops a grant and whatever was given out on it. */
async function endGrant(kept: Kept, grant: string): Promise<void> {
  // The grant first: nothing is given out on what is gone.
  await kept.drop(kindOf('Grant'), grant)
  for (const model of ofGrants) await kept.dropGroup(kindOf(model), groupOfGrant(grant))
}

const groupOfUserCode = (code: string): string => `user code ${code}`
const shownAs = ({ value, takenAt }: KeptValue): Record<string, unknown> => (takenAt === undefined ? { ...value } : { ...value, consumed: Math.floor(takenAt / 1000) })

function createModelAdapter(model: string, { kept, clock, ended }: AdapterOptions, bounded: Bounded | undefined): Adapter {
  const kind = kindOf(model)
  return {
    async upsert(id, payload, seconds) {
      const { grantId, accountId, userCode } = payload
      const groups = [...(typeof userCode === 'string' ? [groupOfUserCode(userCode)] : []), ...(typeof grantId === 'string' ? [groupOfGrant(grantId)] : []), ...(typeof accountId === 'string' ? [groupOfAccount(accountId)] : [])]
      const value = JSON.parse(JSON.stringify(payload)) as JsonObject
      if (bounded !== undefined && seconds !== undefined) await bounded.put(id, value, { groups, expiresAt: clock() + seconds * 1000 })
      else await kept.put(kind, id, value, { groups, ...(seconds === undefined ? {} : { expiresAt: clock() + seconds * 1000 }) })
    },
    async find(id) {
      const found = await kept.get(kind, id)
      return found === undefined ? undefined : shownAs(found)
    },
    async findByUserCode(code) {
      const [found] = await kept.list(kind, groupOfUserCode(code))
      return found === undefined ? undefined : shownAs(found)
    },
    async consume(id) {
      if (await kept.take(kind, id)) return
      // RFC 6749 section 4.1.2, RFC 9700 section 4.14.2: somebody else was quicker, and only one of the two can be the client.
      const grant = (await kept.get(kind, id))?.value['grantId']
      if (typeof grant === 'string') {
        await endGrant(kept, grant)
        await ended()
      }
      throw new errors.InvalidGrant('already used')
    },
    async destroy(id) {
      if (model === 'Grant') {
        await endGrant(kept, id)
        await ended()
      } else await kept.drop(kind, id)
    },
    async revokeByGrantId(grant) {
      await kept.dropGroup(kind, groupOfGrant(grant))
    },
  }
}

const createClientAdapter = ({ clients, configured }: AdapterOptions): Adapter => ({
  ...forgetful,
  upsert: (id, metadata) => clients.keep(id, JSON.parse(JSON.stringify(metadata))),
  find: async (id) => configured.get(id) ?? clients.find(id),
  destroy: clients.forget,
})
