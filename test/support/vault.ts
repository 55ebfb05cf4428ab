import { randomUUID } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface VaultListener {
  readonly url: string
  /** By mount and name; `kv` is of version 1, `secret` of version 2. */
  readonly secrets: Map<string, Record<string, string>>
  /** Tokens that are good now. */
  readonly tokens: Set<string>
  /** Every request: method, path and namespace. */
  readonly asked: string[]
  /** Set: answers with this status, whatever is asked. */
  status: number | undefined
  lease: number
  close(): Promise<void>
}

const roleId = 'role-of-the-gateway'

/** Speaks what developer.hashicorp.com/vault/api-docs says of KV, of tokens, AppRole and Kubernetes. */
export async function startVault({ secretId, jwt }: { readonly secretId: string; readonly jwt: string }): Promise<VaultListener> {
  const listener = { url: '', secrets: new Map<string, Record<string, string>>(), tokens: new Set<string>(), asked: [] as string[], status: undefined as number | undefined, lease: 3600 }
  const logIn = () => {
    const token = `hvs.${randomUUID()}`
    listener.tokens.add(token)
    return { auth: { client_token: token, lease_duration: listener.lease, renewable: true } }
  }
  const answer = (path: string, method: string, token: string, body: Record<string, unknown>): readonly [number, unknown?] => {
    if (listener.status !== undefined) return [listener.status, { errors: ['Vault is sealed'] }]
    if (path === 'auth/approle/login') return body['role_id'] === roleId && body['secret_id'] === secretId ? [200, logIn()] : [400, { errors: ['invalid role or secret ID'] }]
    if (path === 'auth/kubernetes/login') return body['role'] === 'gateway' && body['jwt'] === jwt ? [200, logIn()] : [403, { errors: ['permission denied'] }]
    if (!listener.tokens.has(token)) return [403, { errors: ['permission denied'] }]
    if (path === 'auth/token/renew-self' && method === 'POST') return [200, { auth: { client_token: token, lease_duration: listener.lease, renewable: true } }]
    if (path === 'auth/token/revoke-self' && method === 'POST') return listener.tokens.delete(token), [204]
    const [, mount] = /^sys\/internal\/ui\/mounts\/(secret|kv)\//.exec(path) ?? []
    if (mount !== undefined) return [200, { data: { path: `${mount}/`, type: 'kv', options: mount === 'secret' ? { version: '2' } : null } }]
    const [, second] = /^secret\/data\/(.+)$/.exec(path) ?? []
    const found = listener.secrets.get(second === undefined ? path : `secret/${second}`)
    if (found === undefined || (second === undefined && path.startsWith('secret/'))) return [404, { errors: [] }]
    return [200, second === undefined ? { data: found, lease_duration: 2764800 } : { data: { data: found, metadata: { version: 1, destroyed: false } } }]
  }
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const path = decodeURIComponent((request.url ?? '').replace(/^\/v1\//, ''))
    listener.asked.push([request.method, path, request.headers['x-vault-namespace']].filter((part) => part !== undefined).join(' '))
    const [status, content] = answer(path, request.method ?? '', String(request.headers['x-vault-token'] ?? ''), text === '' ? {} : JSON.parse(text))
    response.writeHead(status, { 'content-type': 'application/json' }).end(content === undefined ? undefined : JSON.stringify(content))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  listener.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(listener, {
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  })
}
export const vaultRoleId = roleId
