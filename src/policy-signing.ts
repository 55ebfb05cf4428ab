import { readSigningKey } from './bundle/trust/keys.ts'
import { createSigner, type Signer } from './bundle/trust/signer.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import type { Clock } from './model.ts'

/** With what the settings say that the bundle which is handed on is signed. */
export const createPolicySigner = ({ policy: { sign } }: Settings, secrets: Secrets, clock: Clock): Signer | undefined => {
  if (sign === undefined) return undefined
  const read = readSigningKey(secrets.get('policy.sign.key'), { algorithm: sign.algorithm, id: sign.key_id })
  if (!read.ok) throw new Error(`policy.sign.key_from: found ${read.found}, expected ${read.expected}`)
  return createSigner({ key: read.key, scope: sign.scope, clock })
}
