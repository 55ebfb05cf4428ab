import type { AccountId, Accounts, OwnTokens } from '../account.ts'
import type { Kept } from '../kept.ts'
import type { ServiceAccount } from '../model.ts'
import { hasEnded, kindOf } from './adapter.ts'
import { type ConfiguredClient, grantsOf, serviceOf } from './configured-clients.ts'
import { algorithm, type SigningKeys } from './keys.ts'

/** What identity asks about access tokens of the gateway: by which keys, and for whom they speak now. */
export function createOwnTokens({ issuer, kept, accounts, clients, keys, generation }: {
  readonly issuer: string
  readonly clients: readonly ConfiguredClient[]
  readonly kept: Kept
  readonly accounts: Pick<Accounts, 'get'>
  readonly keys: Pick<SigningKeys, 'verifying'>
  readonly generation: () => number
}): OwnTokens {
  const services = new Map(clients.filter((client) => grantsOf(client).includes('client_credentials')).map((client) => [client.client_id, serviceOf(client, issuer)]))
  /** As good as the configuration that names the client, unless it was given back. */
  const service = async (client: unknown, token: unknown): Promise<ServiceAccount | undefined> => {
    const known = typeof client === 'string' && typeof token === 'string' ? services.get(client) : undefined
    return known === undefined || (await hasEnded(kept, String(token))) ? undefined : known
  }
  return {
    algorithm,
    generation,
    key: keys.verifying,
    async actor({ sub, client_id: client, grant_id: grantId, jti }) {
      if (!isAccount(sub)) return sub === client && grantId === undefined ? service(client, jti) : undefined
      if (typeof grantId !== 'string') return undefined
      const [account, grant] = await Promise.all([accounts.get(sub), kept.get(kindOf('Grant'), grantId)])
      // A token is as good as the consent it was given on, and as the account.
      return grant?.value['accountId'] === sub && grant.value['clientId'] === client ? account?.actor : undefined
    },
  }
}

const isAccount = (sub: unknown): sub is AccountId => typeof sub === 'string' && sub.startsWith('acc_')
