import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { readCertificates, readMetadata } from './metadata.ts'
import type { SamlSettings } from './settings.ts'

interface Wrong {
  readonly steps: readonly (string | number)[]
  readonly found: string
  readonly expected: string
}

const rsaCertificates = 'certificates as PEM, each with an RSA key of at least 2048 bits'

const certificateProblem = async (file: string): Promise<string | undefined> => {
  try {
    const read = readCertificates(await readFile(file, 'utf8'))
    return read.ok ? undefined : read.why
  } catch (error) {
    return `a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`
  }
}

const keyProblem = (key: string, certificate: string): string | undefined => {
  try {
    const read = createPrivateKey(key)
    if (read.asymmetricKeyType !== 'rsa') return 'a key that is not RSA'
    return new X509Certificate(certificate).checkPrivateKey(read) ? undefined : 'the key of another certificate'
  } catch {
    return 'something that is no private key, or one with a passphrase'
  }
}

async function problemsOf(provider: SamlSettings, steps: Wrong['steps'], secret: (path: string) => string | undefined): Promise<readonly Wrong[]> {
  const wrong: Wrong[] = []
  const at = (...more: readonly string[]) => [...steps, ...more]
  const look = async (given: { readonly file: string } | undefined, ...more: readonly string[]): Promise<void> => {
    const found = given === undefined ? undefined : await certificateProblem(given.file)
    if (found !== undefined) wrong.push({ steps: at(...more, 'file'), found, expected: rsaCertificates })
  }
  await look(provider.certificate, 'certificate')
  await look(provider.metadata?.certificate, 'metadata', 'certificate')
  for (const use of ['sign_requests', 'decryption'] as const) {
    const pair = provider[use]
    if (pair === undefined) continue
    await look(pair.certificate, use, 'certificate')
    const key = secret(`${steps.join('.')}.${use}.key`)
    const certificate = await readFile(pair.certificate.file, 'utf8').catch(() => undefined)
    const found = key === undefined || certificate === undefined ? undefined : keyProblem(key, certificate)
    if (found !== undefined) wrong.push({ steps: at(use, 'key_from'), found, expected: 'the RSA private key of the certificate, as PEM without a passphrase' })
  }
  const { metadata, issuer } = provider
  if (metadata !== undefined && 'file' in metadata) {
    const text = await readFile(metadata.file, 'utf8').catch(() => undefined)
    const signers = metadata.certificate === undefined ? undefined : await readFile(metadata.certificate.file, 'utf8').then(readCertificates, () => undefined)
    const read = text === undefined ? ({ ok: false, why: 'a file that cannot be read' } as const) : readMetadata(text, { issuer, now: Date.now(), ...(signers?.ok === true ? { certificates: signers.all } : {}) })
    if (!read.ok) wrong.push({ steps: at('metadata', 'file'), found: `metadata that cannot be used: ${read.why}`, expected: 'the metadata of one identity provider' })
  }
  return wrong
}

/** Looks at every certificate, key and metadata file of SAML providers: a gateway that starts can use them. */
export async function findSamlProblems(providers: readonly { readonly kind: string }[], secret: (path: string) => string | undefined): Promise<readonly Wrong[]> {
  const found = await Promise.all(providers.map((provider, index) => (provider.kind === 'saml' ? problemsOf(provider as SamlSettings, ['identity', 'providers', index], secret) : [])))
  return found.flat()
}
