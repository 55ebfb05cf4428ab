import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Agent, request } from 'undici'
import type { LocalSecretSource, VaultSource } from '../fields.ts'
import { accepted, refused, type SecretRead } from './secret-read.ts'

// Vault's HTTP API (developer.hashicorp.com/vault/api-docs): KV of both versions, found out as `vault kv get` does.

interface Answer {
  readonly status: number
  readonly body: unknown
}
interface Login {
  readonly token: string
  readonly renewable: boolean
  /** Milliseconds of the monotonic clock. */
  readonly halfAt: number
  readonly endsAt: number
}
type Opened = { readonly token: string } | { readonly refused: SecretRead }

export interface VaultReader {
  read(source: VaultSource): Promise<SecretRead>
  /** Takes back the tokens that it was given. */
  close(): Promise<void>
}

const patience = 10_000
const largest = 1024 * 1024

const at = (value: unknown, ...keys: readonly string[]): unknown =>
  keys.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? (inner as Record<string, unknown>)[key] : undefined), value)

const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

const says: Readonly<Record<number, string>> = { 400: 'Vault does not take the request (400)', 403: 'Vault permits it not (403)', 404: 'nothing in Vault at this path (404)', 503: 'a Vault that is sealed or in maintenance (503)' }
const wrong = ({ status }: Answer, expected = 'a Vault that gives the secret'): SecretRead => refused(says[status] ?? `Vault answered ${status}`, expected)

export const createVaultReader = (readLocal: (source: LocalSecretSource) => Promise<SecretRead>, directory: string): VaultReader => {
  const logins = new Map<string, { readonly login: Login; readonly source: VaultSource }>()
  const opening = new Map<string, Promise<Opened>>()
  const renewals = new Map<string, number>()
  const agents = new Map<string, Agent>()

  const agentOf = async ({ ca }: VaultSource): Promise<Agent> => {
    const pem = ca === undefined ? undefined : await readFile(resolve(directory, ca.file), 'utf8')
    const known = agents.get(pem ?? '') ?? new Agent({ connect: { timeout: patience, minVersion: 'TLSv1.2', ...(pem === undefined ? {} : { ca: pem }) }, keepAliveTimeout: 4000 })
    agents.set(pem ?? '', known)
    return known
  }
  // A redirect is not followed: it could carry the token elsewhere.
  const ask = async (source: VaultSource, method: 'GET' | 'POST', path: string, token?: string, content?: object): Promise<Answer> => {
    const answer = await request(`${source.address.replace(/\/+$/, '')}/v1/${path}`, {
      method, dispatcher: await agentOf(source), headersTimeout: patience, bodyTimeout: patience, signal: AbortSignal.timeout(patience),
      headers: {
        'x-vault-request': 'true',
        ...(token === undefined ? {} : { 'x-vault-token': token }),
        ...(source.namespace === undefined ? {} : { 'x-vault-namespace': source.namespace }),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
    })
    const parts: Buffer[] = []
    let size = 0
    for await (const part of answer.body as AsyncIterable<Buffer>) {
      if ((size += part.length) > largest) throw new Error('an answer that is too long')
      parts.push(part)
    }
    const text = Buffer.concat(parts).toString('utf8')
    return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) }
  }

  const loginFrom = (body: unknown): Login | undefined => {
    const [token, lease] = [at(body, 'auth', 'client_token'), at(body, 'auth', 'lease_duration')]
    if (typeof token !== 'string' || typeof lease !== 'number') return undefined
    const now = performance.now()
    // A lease of 0 is one without an end.
    const length = lease === 0 ? Number.POSITIVE_INFINITY : lease * 1000
    return { token, renewable: at(body, 'auth', 'renewable') === true, halfAt: now + length / 2, endsAt: now + length * 0.9 }
  }
  const logIn = async (source: VaultSource): Promise<{ readonly login: Login } | { readonly refused: SecretRead }> => {
    const { auth } = source
    if (auth.kind === 'token') throw new TypeError('a token needs no login')
    const proof = auth.kind === 'kubernetes' ? await readLocal({ file: auth.jwt.file }) : await readLocal(auth.secret_id_from)
    if (!proof.ok) return { refused: proof }
    const content = auth.kind === 'kubernetes' ? { role: auth.role, jwt: proof.value } : { role_id: auth.role_id, secret_id: proof.value }
    const answer = await ask(source, 'POST', `auth/${encoded(auth.mount)}/login`, undefined, content)
    const login = answer.status === 200 ? loginFrom(answer.body) : undefined
    return login === undefined ? { refused: wrong(answer, `a Vault that lets the gateway in by ${auth.kind}`) } : { login }
  }
  const renew = async (source: VaultSource, token: string): Promise<Login | undefined> => {
    const answer = await ask(source, 'POST', 'auth/token/renew-self', token, {})
    return answer.status === 200 ? loginFrom(answer.body) : undefined
  }
  const openByToken = async (source: VaultSource, from: LocalSecretSource): Promise<Opened> => {
    const read = await readLocal(from)
    if (!read.ok) return { refused: read }
    // One that cannot be renewed is used as long as it lasts.
    if ((renewals.get(read.value) ?? 0) <= performance.now()) {
      const renewed = await renew(source, read.value)
      renewals.clear()
      renewals.set(read.value, renewed?.renewable === true ? renewed.halfAt : Number.POSITIVE_INFINITY)
    }
    return { token: read.value }
  }
  const openByLogin = async (source: VaultSource, key: string, isAnew: boolean): Promise<Opened> => {
    const known = isAnew ? undefined : logins.get(key)?.login
    const now = performance.now()
    if (known !== undefined && now < known.halfAt) return known
    const renewed = known !== undefined && known.renewable && now < known.endsAt ? await renew(source, known.token) : undefined
    // Near the end of what a token may ever live, renewing gives almost nothing.
    const made = renewed !== undefined && renewed.halfAt > now + 1000 ? { login: renewed } : await logIn(source)
    if ('refused' in made) return made
    logins.set(key, { login: made.login, source })
    return made.login
  }
  const open = (source: VaultSource, isAnew: boolean): Promise<Opened> => {
    const { auth } = source
    if (auth.kind === 'token') return openByToken(source, auth.token_from)
    const key = JSON.stringify([source.address, source.namespace, source.ca, auth])
    const opened = opening.get(key) ?? openByLogin(source, key, isAnew).finally(() => opening.delete(key))
    opening.set(key, opened)
    return opened
  }

  const readWith = async (source: VaultSource, token: string): Promise<{ readonly denied: boolean; readonly read: SecretRead }> => {
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

  return {
    async read(source) {
      try {
        const opened = await open(source, false)
        if ('refused' in opened) return opened.refused
        const first = await readWith(source, opened.token)
        if (!first.denied || source.auth.kind === 'token') return first.read
        // A login may have been taken back before its time.
        const again = await open(source, true)
        return 'refused' in again ? again.refused : (await readWith(source, again.token)).read
      } catch (error) {
        const { code, name } = error as NodeJS.ErrnoException
        return refused(`a Vault that cannot be reached (${code ?? name})`, 'a Vault that answers')
      }
    },
    async close() {
      await Promise.all([...logins.values()].map(({ login, source }) => ask(source, 'POST', 'auth/token/revoke-self', login.token, {}).catch(() => undefined)))
      logins.clear()
      await Promise.all([...agents.values()].map((agent) => agent.close()))
      agents.clear()
    },
  }
}
