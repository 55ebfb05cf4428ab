import type { OwnTokens } from '../account.ts'
import type { KeySource } from './keys.ts'
import type { IssuerSettings } from './settings.ts'
import type { TrustedIssuer } from './tokens.ts'

/** The gateway as an issuer among the others: its keys are not fetched, and whom a token speaks for is asked each time anew. */
export const ownIssuer = (publicUrl: string, own: OwnTokens): TrustedIssuer => {
  const settings: IssuerSettings = {
    name: 'gateway', issuer: publicUrl, algorithms: [own.algorithm], kind: 'service', claims: { groups: 'groups', email: 'email' }, trusted_groups: [], trust_unverified_email: false, skew: 0,
  }
  const keys: KeySource = {
    async find({ kid }) {
      const key = kid === undefined ? undefined : await own.key(kid)
      return key === undefined ? { kind: 'none' } : { kind: 'keys', keys: [key] }
    },
    generation: own.generation,
    load: async () => 1,
  }
  return { settings, keys, actorOf: own.actor }
}
