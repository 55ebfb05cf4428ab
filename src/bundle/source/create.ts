import type { Clock, Fetch } from '../../model.ts'
import { unpackBundle } from '../trust/bundle-file.ts'
import { readTrust } from '../trust/read-trust.ts'
import type { VerifySettings } from '../trust/read-trust.ts'
import { createDirectorySource } from './directory.ts'
import type { GitCredentials } from './git/credentials.ts'
import { createGitSource } from './git/source.ts'
import { createFileSource } from './server/file.ts'
import { createServerSource } from './server/source.ts'
import { transportOf } from './settings.ts'
import type { BundleSettings, GitSettings, SourceSettings } from './settings.ts'
import type { Source } from './source.ts'
import type { Read } from './sources.ts'

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T

export interface SourceOptions {
  readonly source: Frozen<SourceSettings>
  readonly verify?: (VerifySettings & { readonly commits?: { readonly allowed_signers: { readonly file: string } } | undefined }) | undefined
  /** The token or key of `source.credentials`, as it is now. Rejects with a text for people. */
  readonly credential: () => Promise<string>
  /** The secret of `policy.verify.keys[<index>].secret_from`. */
  readonly verifySecret: (index: number) => string
  readonly clock: Clock
  /** Where a copy of a repository may be kept. */
  readonly directory: string
  /** Asks the server of a `bundle`. */
  readonly fetch: Fetch
  /** The addresses of a repository's host, if they may be asked. Rejects with a text for people. */
  readonly addressesOf: (origin: string) => Promise<readonly string[]>
}

/** For people: where the policies come from. */
export const nameOf = (source: Frozen<SourceSettings>): string => ('url' in source ? source.url : source.path)

const credentialsOf = async (credentials: NonNullable<Frozen<GitSettings>['credentials']>, credential: SourceOptions['credential']): Promise<GitCredentials> =>
  credentials.kind === 'token'
    ? { kind: 'token', username: credentials.username, token: await credential() }
    : { kind: 'deploy_key', key: await credential(), knownHosts: credentials.known_hosts.file }

const fromGit = (git: Frozen<GitSettings>, { verify, credential, directory, addressesOf }: SourceOptions): Source => {
  const { url, branch, tag, commit, path, poll, credentials, ca } = git
  const transport = transportOf(url)
  if (transport === undefined) throw new Error('a repository that may not be used')
  return createGitSource({
    url, poll, directory, addressesOf,
    transport: transport === 'https' && url.toLowerCase().startsWith('http:') ? 'http' : transport,
    wanted: commit !== undefined ? { commit } : { ref: tag === undefined ? `refs/heads/${branch ?? ''}` : `refs/tags/${tag}` },
    ...(path === undefined ? {} : { folder: path }),
    ...(ca === undefined ? {} : { authorities: ca.file }),
    ...(credentials === undefined ? {} : { credentials: () => credentialsOf(credentials, credential) }),
    ...(verify?.commits === undefined ? {} : { allowedSigners: verify.commits.allowed_signers.file }),
  })
}

const fromServer = ({ url, poll, wait, credentials }: Frozen<BundleSettings>, { credential, fetch, verify, verifySecret, clock }: SourceOptions): Source => {
  const open = async (bytes: Uint8Array): Promise<Read> => {
    if (verify?.keys === undefined) return unpackBundle(bytes)
    const trusted = await readTrust(verify, verifySecret, clock)
    return trusted.ok ? unpackBundle(bytes, trusted.trust) : trusted
  }
  if (url.startsWith('file:')) return createFileSource({ url, poll, open })
  return createServerSource({
    url, poll, open, fetch,
    ...(wait === undefined ? {} : { wait }),
    ...(credentials === undefined ? {} : { token: credential }),
  })
}

export const createSource = (options: SourceOptions): Source => {
  const { source } = options
  switch (source.kind) {
    case 'directory': return createDirectorySource(source.path)
    case 'git': return fromGit(source, options)
    case 'bundle': return fromServer(source, options)
  }
}
