import { readFile } from 'node:fs/promises'
import type { Clock } from '../../model.ts'
import type { Problem } from '../problem.ts'
import { readVerifyKey } from './keys.ts'
import type { Algorithm, Key } from './keys.ts'
import type { Trust } from './verify.ts'

type KeySettings =
  | { readonly file: string; readonly algorithm?: Algorithm | undefined; readonly id?: string | undefined }
  | { readonly secret_from: unknown; readonly algorithm: Algorithm; readonly id?: string | undefined }
export interface VerifySettings {
  readonly keys?: readonly KeySettings[] | undefined
  readonly scope?: string | undefined
}
export type TrustRead = { readonly ok: true; readonly trust: Trust } | { readonly ok: false; readonly problems: readonly Problem[] }

/** The keys as they are now: one that is replaced counts from the next bundle on. `secret` has that of `policy.verify.keys.<n>.secret_from`. */
export const readTrust = async ({ keys = [], scope = '' }: VerifySettings, secret: (index: number) => string, clock: Clock): Promise<TrustRead> => {
  const read: Key[] = []
  const problems: Problem[] = []
  for (const [at, key] of keys.entries()) {
    const text = 'file' in key ? await readFile(key.file, 'utf8').catch(() => undefined) : secret(at)
    const found = text === undefined ? ({ ok: false, found: 'a file that cannot be read', expected: 'a key' } as const) : readVerifyKey(text, key)
    if (found.ok) read.push(found.key)
    else problems.push({ stage: 'verify', code: 'key', message: `policy.verify.keys[${at}]: found ${found.found}, expected ${found.expected}` })
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, trust: { keys: read, scope, clock } }
}
