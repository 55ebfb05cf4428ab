import type { LocalSecretSource, VaultSource } from '../fields.ts'
import { accepted, refused, type SecretRead } from './secret-read.ts'
import { at, createVaultHttp, encoded, type Ask } from './secrets-vault-http.ts'
import { createVaultLogins, wrong } from './secrets-vault-login.ts'

// Vault's HTTP API (developer.hashicorp.com/vault/api-docs): KV of both versions, found out as `vault kv get` does.

export interface VaultReader {
  read(source: VaultSource): Promise<SecretRead>
  /** Takes back the tokens that it was given. */
  close(): Promise<void>
}

async function readWith(ask: Ask, source: VaultSource, token: string): Promise<{ readonly denied: boolean; readonly read: SecretRead }> {
  const about = await ask(source, 'GET', `sys/internal/ui/mounts/${encoded(source.path)}`, token)
  const [mount, version] = [at(about.body, 'data', 'path'), at(about.body, 'data', 'options', 'version')]
  // A Vault that does not know the question has version 1 only.
  if (about.status !== 200 && about.status !== 404) return { denied: about.status === 403, read: wrong(about) }
  const isSecond = typeof mount === 'string' && version === '2'
  const path = isSecond ? `${mount}data/${encoded(source.path.slice(mount.length))}` : encoded(source.path)
  const answer = await ask(source, 'GET', path, token)
  if (answer.status !== 200) {
    const hint = answer.status === 404 && isSecond && source.path.slice(mount.length).startsWith('data/') ? 'the path as in `vault kv get`, without data/' : undefined
    return { denied: answer.status === 403, read: wrong(answer, hint) }
  }
  const value = isSecond ? at(answer.body, 'data', 'data', source.key) : at(answer.body, 'data', source.key)
  return { denied: false, read: typeof value === 'string' ? accepted(value) : refused(`a secret without a text under the key ${source.key}`, 'a secret with that key') }
}

export const createVaultReader = (readLocal: (source: LocalSecretSource) => Promise<SecretRead>, directory: string): VaultReader => {
  const { ask, close } = createVaultHttp(directory)
  const logins = createVaultLogins(ask, readLocal)
  return {
    async read(source) {
      try {
        const opened = await logins.open(source, false)
        if ('refused' in opened) return opened.refused
        const first = await readWith(ask, source, opened.token)
        if (!first.denied || source.auth.kind === 'token') return first.read
        // A login may have been taken back before its time.
        const again = await logins.open(source, true)
        return 'refused' in again ? again.refused : (await readWith(ask, source, again.token)).read
      } catch (error) {
        const { code, name } = error as NodeJS.ErrnoException
        return refused(`a Vault that cannot be reached (${code ?? name})`, 'a Vault that answers')
      }
    },
    async close() {
      await logins.close()
      await close()
    },
  }
}
