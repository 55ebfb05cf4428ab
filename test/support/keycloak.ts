import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { keycloakHome, prepareKeycloak } from '../../scripts/needs.ts'
import { freePort } from './free-port.ts'

export interface Keycloak {
  readonly url: string
  /** Makes a realm as its representation says: users, groups, clients, mappers. */
  realm(representation: { readonly realm: string; readonly [key: string]: unknown }): Promise<Realm>
  close(): Promise<void>
}
export interface Realm {
  readonly issuer: string
  /** The admin API below `/admin/realms/<realm>`. */
  admin(method: string, path: string, body?: unknown): Promise<unknown>
  userId(name: string): Promise<string>
}

/** A real Keycloak with everything in memory: about ten seconds on a quiet machine. `npm test` brings it; by hand `node scripts/needs.ts` does. */
export async function startKeycloak(): Promise<Keycloak> {
  prepareKeycloak()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = ['start', '--optimized', '--cache=local', '--http-enabled=true', '--hostname-strict=false', '--http-host=127.0.0.1', `--http-port=${port}`]
  const child = spawn(join(keycloakHome(), 'bin', 'kc.sh'), args, {
    // A group of its own, so that the script and the server end together.
    detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: 'admin', JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1 -Xms128m -Xmx512m' },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Keycloak ended with ${code}:\n${said.slice(-20).join('\n')}`)))
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => {
      said.push(line)
      if (line.includes('Listening on:')) resolve()
    })
  })

  const token = async (): Promise<string> => {
    const response = await fetch(`${url}/realms/master/protocol/openid-connect/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' }) })
    return ((await response.json()) as { access_token: string }).access_token
  }
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}/admin/realms${path}`, {
      method, headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  return {
    url,
    async realm(representation) {
      await ask('POST', '', { enabled: true, sslRequired: 'none', ...representation })
      const own = `/${representation.realm}`
      const admin: Realm['admin'] = (method, path, body) => ask(method, `${own}${path}`, body)
      return {
        issuer: `${url}/realms/${representation.realm}`, admin,
        async userId(name) {
          const [user] = (await admin('GET', `/users?exact=true&username=${encodeURIComponent(name)}`)) as readonly { readonly id: string }[]
          if (user === undefined) throw new Error(`Keycloak knows no ${name}`)
          return user.id
        },
      }
    },
    async close() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
      await ended
    },
  }
}
