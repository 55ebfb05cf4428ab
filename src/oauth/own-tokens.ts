import { decodeProtectedHeader, jwtVerify } from 'jose'
import type { AccountId, Accounts, OwnTokens } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { Clock, Json, JsonObject, KnownActor, Person, ServiceAccount } from '../model.ts'
import { agentOf, mayAct, readActs, type Act } from './acting.ts'
import { hasEnded, kindOf } from './adapter.ts'
import { type ConfiguredClient, grantsOf, serviceOf } from './configured-clients.ts'
import { algorithm, type SigningKeys } from './keys.ts'

export interface OwnTokensParts {
  readonly issuer: string
  readonly clients: readonly ConfiguredClient[]
  readonly kept: Kept
  readonly accounts: Pick<Accounts, 'get'>
  readonly keys: Pick<SigningKeys, 'verifying'>
  readonly generation: () => number
}

/** What identity asks about access tokens of the gateway: by which keys, and for whom they speak now. */
export function createOwnTokens({ issuer, kept, accounts, clients, keys, generation }: OwnTokensParts): OwnTokens {
  const services = new Map(clients.filter((client) => grantsOf(client).includes('client_credentials')).map((client) => [client.client_id, serviceOf(client, issuer)]))
  const byId = new Map(clients.map((client) => [client.client_id, client]))
  const areEnded = async (tokens: readonly string[]): Promise<boolean> => (await Promise.all(tokens.map((token) => hasEnded(kept, token)))).includes(true)

  /** As good as the configuration that names the client, unless it was given back. */
  const service = async (client: unknown, token: unknown): Promise<ServiceAccount | undefined> => {
    const known = typeof client === 'string' && typeof token === 'string' ? services.get(client) : undefined
    return known === undefined || (await areEnded([String(token)])) ? undefined : known
  }
  /** As good as the person's own, as the configuration that lets each of those who act, and as each token it came of. */
  const agent = async (person: Person, { client_id: client, jti, came_of: before, act }: JsonObject): Promise<KnownActor | undefined> => {
    const acts = readActs(act)
    if (acts === undefined || !isSome(acts) || typeof client !== 'string' || typeof jti !== 'string') return undefined
    if (!acts.every((one) => mayAct(byId.get(one.client_id ?? one.sub), one, person))) return undefined
    return (await areEnded([jti, ...tokensIn(before)])) ? undefined : agentOf(person, acts, { issuer, client })
  }

  return {
    algorithm,
    generation,
    key: keys.verifying,
    async actor(claims) {
      const { sub, client_id: client, grant_id: grantId, jti, act } = claims
      if (!isAccount(sub)) return sub === client && grantId === undefined && act === undefined ? service(client, jti) : undefined
      if (typeof grantId !== 'string') return undefined
      const [account, grant] = await Promise.all([accounts.get(sub), kept.get(kindOf('Grant'), grantId)])
      // A token is as good as the consent it was given on, and as the account.
      if (account === undefined || grant?.value['accountId'] !== sub) return undefined
      if (act !== undefined) return agent(account.actor, claims)
      return grant.value['clientId'] === client ? account.actor : undefined
    },
  }
}

/** The tokens that were exchanged one after another, beside the person's own. */
export const tokensIn = (cameOf: Json | undefined): readonly string[] => (Array.isArray(cameOf) ? cameOf.filter((one) => typeof one === 'string') : [])
const isSome = (acts: readonly Act[]): acts is readonly [Act, ...Act[]] => acts.length > 0
const isAccount = (sub: unknown): sub is AccountId => typeof sub === 'string' && sub.startsWith('acc_')

export interface VerifyOptions {
  readonly issuer: string
  readonly keys: () => Pick<SigningKeys, 'verifying'>
  readonly clock: Clock
}
/** What an access token of the gateway says that was brought as something other than a bearer; undefined where it is none, or has expired. */
export const createVerify = ({ issuer, keys, clock }: VerifyOptions) => async (token: string): Promise<JsonObject | undefined> => {
  try {
    const { kid } = decodeProtectedHeader(token)
    const key = kid === undefined ? undefined : await keys().verifying(kid)
    if (key === undefined) return undefined
    const { payload } = await jwtVerify(token, key, { issuer, algorithms: [algorithm], typ: 'at+jwt', requiredClaims: ['exp', 'sub', 'jti'], currentDate: new Date(clock()) })
    return payload as JsonObject
  } catch {
    return undefined
  }
}
