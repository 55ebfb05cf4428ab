import { readFile } from 'node:fs/promises'
import { createLocalJWKSet, errors, type CryptoKey, type FlattenedJWSInput, type JWK, type JWSHeaderParameters } from 'jose'
import { messageOf } from '../errors.ts'
import type { Clock, Fetch, Logger } from '../model.ts'
import { discoverKeysUrl } from './discovery.ts'
import { fetchJson, type Fetched } from './fetch-json.ts'
import { publicKey, type IssuerSettings } from './settings.ts'

const second = 1000
const minute = 60 * second
const shortestAge = 5 * minute
const usualAge = 60 * minute
const longestAge = 24 * 60 * minute
/** An unknown key id makes the keys be fetched again at most this often, however many tokens bring one. */
const unknownKeyPause = 5 * minute
const failurePause = 10 * second

/** `none`: the issuer has no such key. `unavailable`: its keys could not be had, or those at hand are too old. */
export type KeyAnswer = { readonly kind: 'keys'; readonly keys: readonly CryptoKey[] } | { readonly kind: 'none' } | { readonly kind: 'unavailable' }

export interface KeySource {
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<KeyAnswer>
  /** Grows whenever the keys have changed: what was verified before must be verified anew. */
  generation(): number
  /** Fetches now, for a check from outside; throws why it cannot. */
  load(): Promise<number>
}

interface KeyRing {
  readonly pick: ReturnType<typeof createLocalJWKSet>
  readonly ids: ReadonlySet<unknown>
  readonly fetchedAt: number
  readonly refreshAt: number
  readonly expiresAt: number
}

const usable = (body: unknown): readonly JWK[] => {
  const keys = typeof body === 'object' && body !== null ? (body as { keys?: unknown }).keys : undefined
  if (!Array.isArray(keys)) throw new Error('an answer that is not a JSON Web Key Set')
  return keys.flatMap(key => {
    const read = publicKey.safeParse(key)
    return read.success ? [read.data as JWK] : []
  })
}

const pickKeys = async (ring: KeyRing, header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<readonly CryptoKey[]> => {
  // What anybody can send by the thousand is answered without an error and its stack.
  if (typeof header.kid === 'string' && !ring.ids.has(header.kid)) return []
  try {
    return [await ring.pick(header, token)]
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      const keys: CryptoKey[] = []
      for await (const key of error) if (keys.push(key) >= 8) break
      return keys
    }
    return [] // no such key, or one that the platform refuses
  }
}

/** The keys of one issuer: fetched when first needed, one fetch at a time, kept as long as the issuer says and not longer. */
export const createKeySource = (issuer: IssuerSettings, deps: { readonly clock: Clock; readonly fetch: Fetch; readonly logger: Logger }): KeySource => {
  const { clock, fetch, logger } = deps
  let ring: KeyRing | undefined
  let running: Promise<number> | undefined
  let failedAt = -Infinity
  let unknownAt = -Infinity
  let discovered: string | undefined
  let generation = 0
  let last = ''

  const read = async (): Promise<Fetched> => {
    const { jwks } = issuer
    if (jwks !== undefined && 'file' in jwks) return { body: JSON.parse(await readFile(jwks.file, 'utf8')), maxAge: undefined }
    if (jwks !== undefined) return fetchJson(fetch, jwks.url)
    const url = discovered ?? (await discoverKeysUrl(fetch, issuer.issuer))
    discovered = undefined // an issuer whose keys have moved is asked again where they are
    const answer = await fetchJson(fetch, url)
    discovered = url
    return answer
  }

  const renew = async (): Promise<number> => {
    try {
      const { body, maxAge } = await read()
      const keys = usable(body)
      if (keys.length === 0) throw new Error('a key set without a usable key')
      const now = clock()
      const age = Math.min(Math.max(maxAge === undefined ? usualAge : maxAge * second, shortestAge), longestAge)
      ring = { pick: createLocalJWKSet({ keys: [...keys] }), ids: new Set(keys.map(({ kid }) => kid)), fetchedAt: now, refreshAt: now + Math.max(age / 2, shortestAge), expiresAt: now + age }
      const content = JSON.stringify(keys)
      if (content !== last) generation += 1
      last = content
      failedAt = -Infinity
      return keys.length
    } catch (cause) {
      failedAt = clock()
      logger.warn('the keys of an issuer could not be fetched', { issuer: issuer.name, cause: messageOf(cause) })
      throw cause
    }
  }
  const load = (): Promise<number> => (running ??= renew().finally(() => { running = undefined }))
  const tryLoad = async (): Promise<void> => {
    if (running === undefined && Math.abs(clock() - failedAt) < failurePause) return
    await load().catch(() => undefined)
  }

  return {
    generation: () => generation,
    load,
    async find(header, token) {
      const before = ring
      if (before === undefined || clock() >= before.expiresAt) await tryLoad()
      else if (clock() >= before.refreshAt) void tryLoad() // early, so that an issuer that is away for a while is not missed
      if (ring === undefined || clock() >= ring.expiresAt) return { kind: 'unavailable' }
      const keys = await pickKeys(ring, header, token)
      if (keys.length > 0) return { kind: 'keys', keys }
      const asked = ring
      if (running !== undefined) await tryLoad()
      else if (asked === before && Math.abs(clock() - unknownAt) >= unknownKeyPause) {
        unknownAt = clock()
        await tryLoad()
      }
      if (ring === asked) return { kind: 'none' }
      const renewed = await pickKeys(ring, header, token)
      return renewed.length > 0 ? { kind: 'keys', keys: renewed } : { kind: 'none' }
    },
  }
}
