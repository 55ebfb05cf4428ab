import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { PartialSettings, Settings } from './schema.ts'
import type { Secrets } from './secrets.ts'
import { unreadable } from './unreadable.ts'
import type { Weakness } from './weak.ts'

type UpstreamSettings = Settings['upstreams'][string]
type TlsSettings = NonNullable<Extract<UpstreamSettings, { urls: unknown }>['tls']>
type SourceSettings = Settings['policy']['source']

/** What TLS connections to a server are made with, as PEM. Holds a private key: never print it. */
export interface UpstreamTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const keyPath = (name: string): string => `upstreams.${name}.tls.key`
const sourceKeyPath = (at: string): string => `${at}.tls.key`

const readTls = ({ ca, certificate }: TlsSettings, key: () => string): UpstreamTls => ({
  ...(ca === undefined ? {} : { ca: readFileSync(ca.file, 'utf8') }),
  ...(certificate === undefined ? {} : { cert: readFileSync(certificate.file, 'utf8'), key: key() }),
})

/** Of settings whose files were looked at by `findTlsProblems`. */
export const tlsOf = (name: string, upstream: UpstreamSettings, secrets: Secrets): UpstreamTls | undefined =>
  'urls' in upstream && upstream.tls !== undefined ? readTls(upstream.tls, () => secrets.get(keyPath(name))) : undefined

/** The same for the server that policies come from; `at` is where the configuration names it. */
export const tlsOfSource = (source: SourceSettings, secrets: Secrets, at = 'policy.source'): UpstreamTls | undefined =>
  source.kind === 'bundle' && source.tls !== undefined ? readTls(source.tls, () => secrets.get(sourceKeyPath(at))) : undefined

/** The same for a server that is told of decisions, or of what is active. */
export const tlsOfReport = (report: NonNullable<Settings['policy']['decision_logs']>, secrets: Secrets, at: 'policy.decision_logs' | 'policy.status'): UpstreamTls | undefined =>
  report.tls === undefined ? undefined : readTls(report.tls, () => secrets.get(`${at}.tls.key`))

const begin = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

const certificates = async (file: string): Promise<{ readonly all: readonly X509Certificate[] } | { readonly found: string }> => {
  try {
    const blocks = (await readFile(file, 'utf8')).match(begin) ?? []
    if (blocks.length === 0) return { found: 'a file without a certificate' }
    return { all: blocks.map(block => new X509Certificate(block)) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { found: code === undefined || code.startsWith('ERR_') ? 'a certificate that cannot be read' : unreadable(file, code).found }
  }
}

const keyProblem = (certificate: X509Certificate, key: string): string | undefined => {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key)) ? undefined : 'the key of another certificate'
  } catch {
    return 'something that is no private key, or one with a passphrase'
  }
}

const problemsOf = async (whose: Weakness['steps'], { ca, certificate }: TlsSettings, key: string | undefined): Promise<readonly Weakness[]> => {
  const at = (...steps: string[]): Weakness['steps'] => [...whose, 'tls', ...steps]
  const problems: Weakness[] = []
  if (ca !== undefined) {
    const read = await certificates(ca.file)
    if ('found' in read) problems.push({ steps: at('ca', 'file'), found: read.found, expected: 'a file with PEM certificates' })
  }
  if (certificate === undefined) return problems
  const read = await certificates(certificate.file)
  if ('found' in read) return [...problems, { steps: at('certificate', 'file'), found: read.found, expected: 'a file with a PEM certificate' }]
  const [own] = read.all
  // Its absence is told with the secret.
  const found = own === undefined || key === undefined ? undefined : keyProblem(own, key)
  return found === undefined ? problems : [...problems, { steps: at('key_from'), found, expected: 'the private key of the certificate, as PEM without a passphrase' }]
}

/** Looks at every certificate and key for servers: a gateway that starts can use them. */
export const findTlsProblems = async ({ upstreams, policy }: PartialSettings, secrets: ReadonlyMap<string, string>): Promise<readonly Weakness[]> => {
  const found = await Promise.all([
    ...[{ source: policy?.source, steps: ['policy', 'source'] }, { source: policy?.shadow?.source, steps: ['policy', 'shadow', 'source'] }].map(({ source, steps }) =>
      source?.kind === 'bundle' && source.tls !== undefined ? problemsOf(steps, source.tls, secrets.get(sourceKeyPath(steps.join('.')))) : []),
    ...(['decision_logs', 'status'] as const).map((name) => {
      const own = policy?.[name]?.tls
      return own === undefined ? [] : problemsOf(['policy', name], own, secrets.get(`policy.${name}.tls.key`))
    }),
    ...Object.entries(upstreams ?? {}).map(([name, upstream]) =>
      'urls' in upstream && upstream.tls !== undefined ? problemsOf(['upstreams', name], upstream.tls, secrets.get(keyPath(name))) : []),
  ])
  return found.flat()
}
