import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import type { Kept } from '../kept.ts'
import type { Clock, JsonObject, Logger } from '../model.ts'

export const algorithm = 'ES256'

interface StoredKey {
  readonly jwk: JWK & { readonly kid: string }
  readonly made: number
}
/** The keys of now: the first signs, the others only verify what they signed before. */
export interface Ring {
  readonly jwks: readonly JWK[]
  readonly signs: string
}
export interface SigningKeys {
  ring(): Ring
  /** Undefined where no such key can have signed what is still good. */
  verifying(id: string): Promise<CryptoKey | undefined>
  /** Reads what other processes did, and makes a new key where it is time. */
  renew(): Promise<void>
}

const kind = 'oauth:keys'
const name = 'ring'
/** Unknown key ids make the keys be read again at most this often, once for all of them. */
const lookPause = 1000
const unnoticedFor = 5 * 60_000

const storedIn = (value: JsonObject): readonly StoredKey[] => value['keys'] as unknown as readonly StoredKey[] // sealed here, read here
const packed = (keys: readonly StoredKey[]): JsonObject => JSON.parse(JSON.stringify({ keys }))

async function makeKey(made: number): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { made, jwk: { ...(await exportJWK(privateKey)), kid: randomBytes(12).toString('base64url'), alg: algorithm, use: 'sig' } }
}

/** The keys that all processes of a gateway sign with; they are sealed, outlive a restart, and are replaced from time to time. */
export async function openSigningKeys({ kept, clock, logger, every, tokensLive, onChange }: {
  readonly kept: Kept
  readonly clock: Clock
  readonly logger: Logger
  /** Milliseconds between two keys. */
  readonly every: number
  /** Milliseconds for which what a key signed may be good. */
  readonly tokensLive: number
  readonly onChange: (ring: Ring) => void
}): Promise<SigningKeys> {
  let stored: readonly StoredKey[] = []
  let ring: Ring = { jwks: [], signs: '' }
  let imported = new Map<string, Promise<CryptoKey>>()
  let lookedAt = -Infinity
  let looking: Promise<void> | undefined

  const take = (keys: readonly StoredKey[]): void => {
    const signs = keys[0]?.jwk.kid ?? ''
    const isSame = keys.length === stored.length && keys.every(({ jwk }, index) => jwk.kid === stored[index]?.jwk.kid)
    stored = keys
    if (isSame) return
    ring = { jwks: keys.map(({ jwk }) => jwk), signs }
    imported = new Map(keys.map(({ jwk: { d: _, ...jwk } }) => [jwk.kid, importJWK({ ...jwk, ext: true }, algorithm) as Promise<CryptoKey>])) // an EC key is never bytes
    onChange(ring)
  }

  /** Several processes may come here at once: one of them makes the key, the others find it. */
  async function renew(): Promise<void> {
    lookedAt = performance.now()
    const found = await kept.get(kind, name)
    if (found === undefined) {
      const first = [await makeKey(clock())]
      if (await kept.add(kind, name, packed(first))) return take(first)
      const other = await kept.get(kind, name)
      if (other !== undefined) return take(storedIn(other.value))
      // What cannot be opened was sealed under another key of the store: of no use to anybody.
      await kept.drop(kind, name)
      return renew()
    }
    const keys = storedIn(found.value)
    const newest = keys[0]
    const good = keys.filter((_, index) => isStillGood(keys, index))
    const isDue = newest === undefined || clock() >= newest.made + every
    if (!isDue && good.length === keys.length) return take(keys)
    const next = isDue ? [await makeKey(clock()), ...good] : good
    if (!(await kept.swap(kind, name, packed(next), found.version))) return renew()
    if (isDue) logger.info('a new key signs tokens', { kid: next[0]?.jwk.kid })
    take(next)
  }

  /** A key has signed until the one before it in the list was made, and a little longer in processes that had not noticed. */
  const isStillGood = (keys: readonly StoredKey[], index: number): boolean => {
    const next = keys[index - 1]
    return next === undefined || clock() < next.made + tokensLive + unnoticedFor
  }

  /** Another process may have made a key since this one looked: whoever brings what it signed waits for the next look. */
  const look = (): Promise<void> => (looking ??= pause(Math.max(0, lookedAt + lookPause - performance.now()), undefined, { ref: false }).then(() => {
    // Whoever comes from now on may bring what is written while this reads.
    looking = undefined
    return renew()
  }))

  await renew()
  return {
    ring: () => ring,
    renew,
    async verifying(id) {
      if (!imported.has(id)) await look()
      return imported.get(id)
    },
  }
}
