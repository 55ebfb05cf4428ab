import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Issued {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}
export interface Authority extends Issued {
  issue(name: string, options?: { readonly altName?: string; readonly days?: number; readonly digest?: 'sha1' | 'sha256' }): Issued
  remove(): void
}

/** An authority of its own with the certificates that it issues, in a directory that is removed with it. */
export function createAuthority(name: string): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'authority-'))
  const openssl = (...args: string[]) => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const made = (of: string): Issued => {
    const [certFile, keyFile] = [join(directory, `${of}.crt`), join(directory, `${of}.key`)]
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '30', '-subj', `/CN=${name}`)
  return {
    ...made('ca'),
    issue(of, { altName = 'IP:127.0.0.1', days = 30, digest = 'sha256' } = {}) {
      writeFileSync(join(directory, `${of}.ext`), `subjectAltName=${altName}\n`)
      openssl('req', '-new', ...key, '-keyout', `${of}.key`, '-out', `${of}.csr`, '-subj', `/CN=${of}`)
      openssl('x509', '-req', '-in', `${of}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', `-${digest}`, '-out', `${of}.crt`, '-days', String(days), '-extfile', `${of}.ext`)
      return made(of)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
