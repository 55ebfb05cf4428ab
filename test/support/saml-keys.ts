import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface KeyPair {
  /** As PEM. */
  readonly key: string
  readonly certificate: string
}

/** An RSA key with a certificate that it signed itself, as SAML uses them. */
export function createKeyPair(name: string): KeyPair {
  const directory = mkdtempSync(join(tmpdir(), 'saml-keys-'))
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'certificate.pem', '-days', '30', '-subj', `/CN=${name}`], { cwd: directory, stdio: 'pipe' })
    return { key: readFileSync(join(directory, 'key.pem'), 'utf8'), certificate: readFileSync(join(directory, 'certificate.pem'), 'utf8') }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
