import type { AccountId, Accounts, OwnTokens } from '../account.ts'
import type { Kept } from '../kept.ts'
import { kindOf } from './adapter.ts'
import { algorithm, type SigningKeys } from './keys.ts'

/** What identity asks about access tokens of the gateway: by which keys, and for whom they speak now. */
export function createOwnTokens({ kept, accounts, keys, generation }: {
  readonly kept: Kept
  readonly accounts: Pick<Accounts, 'get'>
  readonly keys: Pick<SigningKeys, 'verifying'>
  readonly generation: () => number
}): OwnTokens {
  return {
    algorithm,
    generation,
    key: keys.verifying,
    async actor({ sub, client_id: client, grant_id: grantId }) {
      if (!isAccount(sub) || typeof grantId !== 'string') return undefined
      const [account, grant] = await Promise.all([accounts.get(sub), kept.get(kindOf('Grant'), grantId)])
      // A token is as good as the consent it was given on, and as the account.
      return grant?.value['accountId'] === sub && grant.value['clientId'] === client ? account?.actor : undefined
    },
  }
}

const isAccount = (sub: unknown): sub is AccountId => typeof sub === 'string' && sub.startsWith('acc_')
