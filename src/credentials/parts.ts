import type { LiveSecret } from '../config/secrets-live.ts'
import type { Clock, Fetch, KnownActor, Logger } from '../model.ts'
import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { CredentialSource } from '../upstream/credential.ts'

/** What somebody's identity provider gave the gateway for them when they signed in. */
export interface SubjectTokens {
  readonly access_token?: string
  readonly id_token?: string
}
/** Undefined where there is nobody signed in whose they would be. */
export type SubjectTokenOf = (actor: KnownActor) => Promise<SubjectTokens | undefined>

/** What the credentials of one server are made with. */
export interface CredentialParts {
  readonly upstream: string
  /** Where the server runs. */
  readonly url: string
  /** By the name of the setting without `_from`. */
  readonly secret: (name: string) => LiveSecret
  /** Guarded; `configured` are addresses that the operator wrote. */
  readonly fetch: Fetch
  readonly subjectTokenOf: SubjectTokenOf
  /** Of people's own accounts at the server. */
  readonly connections: (settings: Extract<CredentialSettings, { kind: 'oauth' }>) => CredentialSource
  readonly publicUrl: string
  readonly clock: Clock
  readonly logger: Logger
  readonly tell: (result: 'given' | 'refused' | 'failed') => void
}
