import { createPublicKey, KeyObject } from 'node:crypto'
import type { Clock } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import type { Problem } from '../problem.ts'
import type { Sources } from '../source/sources.ts'
import { packBundle } from './bundle-file.ts'
import type { Key } from './keys.ts'
import { openBundle } from './open-bundle.ts'
import { signBundle } from './sign.ts'

export type SignedHere =
  | {
      readonly ok: true
      /** Whether who has the other half of the key would believe it. */
      readonly verify: () => Promise<readonly Problem[]>
      /** It judges, so it is what is handed on. */
      readonly handOn: () => void
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** What a gateway hands on is signed by its own key. */
export interface Signer {
  /** Once for each bundle: who asks again gets what was signed before. */
  sign(sources: Sources, bundle: BuiltBundle): Promise<SignedHere>
  /** The signed file of what judges, or is about to. */
  read(digest: string): Promise<Uint8Array | undefined>
}
export interface SignerOptions {
  readonly key: Key
  readonly scope?: string | undefined
  readonly clock: Clock
}

interface SignedFile {
  readonly digest: string
  /** A bundle of the same content may be of another commit. */
  readonly name: string
  readonly bytes: Uint8Array
}

const publicHalf = ({ key, ...rest }: Key): Key => ({ ...rest, key: key instanceof KeyObject && key.type === 'private' ? createPublicKey(key) : key })
const nameOf = ({ digest, revision, commit }: BuiltBundle): string => JSON.stringify([digest, revision, commit ?? null])

export const createSigner = ({ key, scope, clock }: SignerOptions): Signer => {
  let current: SignedFile | undefined
  let newest: SignedFile | undefined
  let last = 0
  const isBelieved = async ({ bytes }: SignedFile): Promise<readonly Problem[]> => {
    const opened = await openBundle(bytes, { keys: [publicHalf(key)], scope: scope ?? '', clock })
    return opened.ok ? [] : opened.problems
  }
  const done = (file: SignedFile): SignedHere => ({ ok: true, verify: () => isBelieved(file), handOn: () => void (current = file) })

  return {
    async sign(sources, bundle) {
      const name = nameOf(bundle)
      const before = [current, newest].find((file) => file?.name === name)
      if (before !== undefined) return done(before)
      const packed = await packBundle(sources, bundle)
      // Above the last also where the clock went back.
      last = Math.max(clock(), last + 1)
      const signed = await signBundle(packed, { key, clock, sequence: last, ...(scope === undefined ? {} : { scope }) })
      if (!signed.ok) return signed
      newest = { digest: bundle.digest, name, bytes: signed.bytes }
      return done(newest)
    },
    read: async (digest) => [current, newest].find((file) => file?.digest === digest)?.bytes,
  }
}
