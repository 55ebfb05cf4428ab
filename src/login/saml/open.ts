import { readFileSync } from 'node:fs'
import type { Fetch } from '../../model.ts'
import type { SignInProvider } from '../provider.ts'
import { createSamlProvider, type SamlParts } from './provider.ts'
import type { SamlSettings } from './settings.ts'

export interface OpenParts extends Pick<SamlParts, 'naming' | 'publicUrl' | 'kept' | 'end' | 'clock' | 'logger'> {
  /** By the path of the setting, from the provider down. */
  readonly secret: (path: string) => string
  readonly fetchFor: (configured: readonly string[]) => Fetch
}

/** Of settings whose files were looked at by `findSamlProblems`. */
export function openSamlProvider(settings: SamlSettings, { secret, fetchFor, ...parts }: OpenParts): SignInProvider {
  const { sign_requests: sign, decryption, metadata } = settings
  const certificateOf = (pair: { readonly certificate: { readonly file: string } }): string => readFileSync(pair.certificate.file, 'utf8')
  return createSamlProvider({
    ...parts, settings,
    keys: { ...(sign === undefined ? {} : { sign: secret('sign_requests.key') }), ...(decryption === undefined ? {} : { decryption: secret('decryption.key') }) },
    certificates: { ...(sign === undefined ? {} : { sign: certificateOf(sign) }), ...(decryption === undefined ? {} : { decryption: certificateOf(decryption) }) },
    fetch: fetchFor(metadata !== undefined && 'url' in metadata ? [metadata.url] : []),
  })
}
