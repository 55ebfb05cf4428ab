import type { LocalSecretSource, VaultSource } from '../fields.ts'
import { refused, type SecretRead } from './secret-read.ts'
import { at, encoded, type Answer, type Ask } from './secrets-vault-http.ts'

interface Login {
  readonly token: string
  readonly renewable: boolean
  /** Milliseconds of the monotonic clock. */
  readonly halfAt: number
  readonly endsAt: number
}
export type Opened = { readonly token: string } | { readonly refused: SecretRead }
export interface VaultLogins {
  /** A token for a source; `isAnew` where the one before was not accepted. */
  open(source: VaultSource, isAnew: boolean): Promise<Opened>
  /** Takes back the tokens that it was given. */
  close(): Promise<void>
}
type ReadLocal = (source: LocalSecretSource) => Promise<SecretRead>

const says: Readonly<Record<number, string>> = { 400: 'Vault does not take the request (400)', 403: 'Vault permits it not (403)', 404: 'nothing in Vault at this path (404)', 503: 'a Vault that is sealed or in maintenance (503)' }
export const wrong = ({ status }: Answer, expected = 'a Vault that gives the secret'): SecretRead => refused(says[status] ?? `Vault answered ${status}`, expected)

const loginFrom = (body: unknown): Login | undefined => {
  const [token, lease] = [at(body, 'auth', 'client_token'), at(body, 'auth', 'lease_duration')]
  if (typeof token !== 'string' || typeof lease !== 'number') return undefined
  const now = performance.now()
  // A lease of 0 is one without an end.
  const length = lease === 0 ? Number.POSITIVE_INFINITY : lease * 1000
  return { token, renewable: at(body, 'auth', 'renewable') === true, halfAt: now + length / 2, endsAt: now + length * 0.9 }
}

async function logIn(ask: Ask, readLocal: ReadLocal, source: VaultSource): Promise<{ readonly login: Login } | { readonly refused: SecretRead }> {
  const { auth } = source
  if (auth.kind === 'token') throw new TypeError('a token needs no login')
  const proof = auth.kind === 'kubernetes' ? await readLocal({ file: auth.jwt.file }) : await readLocal(auth.secret_id_from)
  if (!proof.ok) return { refused: proof }
  const content = auth.kind === 'kubernetes' ? { role: auth.role, jwt: proof.value } : { role_id: auth.role_id, secret_id: proof.value }
  const answer = await ask(source, 'POST', `auth/${encoded(auth.mount)}/login`, undefined, content)
  const login = answer.status === 200 ? loginFrom(answer.body) : undefined
  return login === undefined ? { refused: wrong(answer, `a Vault that lets the gateway in by ${auth.kind}`) } : { login }
}

async function renew(ask: Ask, source: VaultSource, token: string): Promise<Login | undefined> {
  const answer = await ask(source, 'POST', 'auth/token/renew-self', token, {})
  return answer.status === 200 ? loginFrom(answer.body) : undefined
}

/** Who logs in once for all secrets, renews what it was given when half of its time is over, and logs in anew in the end. */
export function createVaultLogins(ask: Ask, readLocal: ReadLocal): VaultLogins {
  const logins = new Map<string, { readonly login: Login; readonly source: VaultSource }>()
  const opening = new Map<string, Promise<Opened>>()
  const renewals = new Map<string, number>()

  const openByToken = async (source: VaultSource, from: LocalSecretSource): Promise<Opened> => {
    const read = await readLocal(from)
    if (!read.ok) return { refused: read }
    // One that cannot be renewed is used as long as it lasts.
    if ((renewals.get(read.value) ?? 0) <= performance.now()) {
      const renewed = await renew(ask, source, read.value)
      renewals.clear()
      renewals.set(read.value, renewed?.renewable === true ? renewed.halfAt : Number.POSITIVE_INFINITY)
    }
    return { token: read.value }
  }
  const openByLogin = async (source: VaultSource, key: string, isAnew: boolean): Promise<Opened> => {
    const known = isAnew ? undefined : logins.get(key)?.login
    const now = performance.now()
    if (known !== undefined && now < known.halfAt) return known
    const renewed = known !== undefined && known.renewable && now < known.endsAt ? await renew(ask, source, known.token) : undefined
    // Near the end of what a token may ever live, renewing gives almost nothing.
    const made = renewed !== undefined && renewed.halfAt > now + 1000 ? { login: renewed } : await logIn(ask, readLocal, source)
    if ('refused' in made) return made
    logins.set(key, { login: made.login, source })
    return made.login
  }

  return {
    open(source, isAnew) {
      const { auth } = source
      if (auth.kind === 'token') return openByToken(source, auth.token_from)
      const key = JSON.stringify([source.address, source.namespace, source.ca, auth])
      const opened = opening.get(key) ?? openByLogin(source, key, isAnew).finally(() => opening.delete(key))
      opening.set(key, opened)
      return opened
    },
    async close() {
      await Promise.all([...logins.values()].map(({ login, source }) => ask(source, 'POST', 'auth/token/revoke-self', login.token, {}).catch(() => undefined)))
      logins.clear()
    },
  }
}
