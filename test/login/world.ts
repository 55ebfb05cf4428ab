import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createKeySource } from '../../src/identity/keys.ts'
import { issuerSettings } from '../../src/identity/settings.ts'
import { createKept, type Kept } from '../../src/kept.ts'
import { createLogin, type Login } from '../../src/login/login.ts'
import { providerSettings, type LoginSettings } from '../../src/login/settings.ts'
import type { Logger } from '../../src/model.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { scratch } from '../store/scratch.ts'
import { outbound } from '../support/outbound.ts'
import type { ShapedIssuer } from '../support/shaped-issuer.ts'

export interface Line {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}
export interface World {
  readonly url: string
  readonly login: Login
  readonly kept: Kept
  readonly lines: readonly Line[]
  /** Time goes on by so many milliseconds. */
  pass(ms: number): void
  /** Another process of the same gateway: the same store and address, its own memory. */
  second(): Login
  close(): Promise<void>
}

export const provider = (name: string, issuer: ShapedIssuer, more: Readonly<Record<string, unknown>> = {}) =>
  ({ kind: 'oidc', name, issuer: issuer.issuer, client_id: issuer.client.id, client_secret_from: { env: 'SECRET' }, ...more })

const minute = 60_000
export const bounds = { refresh: 5 * minute, grace: 15 * minute, session: 480 * minute, idle: 60 * minute }

/** Signing in over a real store and real HTTP, without the rest of a gateway. */
export async function startWorld(providers: readonly unknown[], { secrets = {} as Readonly<Record<string, string>>, issuers = [] as readonly { readonly name: string }[], around = (kept: Kept): Kept => kept } = {}): Promise<World> {
  const place = scratch()
  const lines: Line[] = []
  const note = (message: string, fields: Readonly<Record<string, unknown>> = {}) => void lines.push({ message, fields })
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const store = await createSqliteStore({ path: place.path, logger })
  let offset = 0
  const clock = () => Date.now() + offset
  const kept = around(createKept(store.kept, randomBytes(32), clock))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const settings: LoginSettings = { providers: providers.map((one) => providerSettings.parse(one)), ...bounds }
  const open = (): Login => createLogin({
    settings, publicUrl: url, kept, issuers, clock, logger,
    secret: (path) => secrets[path] ?? 'a-secret-of-the-client-0123456789',
    fetchFor: (configured) => outbound.fetchFor({ purpose: 'sign_in', configured }),
    keysFor: ({ name, issuer }) => createKeySource(issuerSettings.parse({ name, issuer }), { clock, logger, fetch: outbound.fetchFor({ purpose: 'sign_in', configured: [issuer] }) }),
  })
  const login = open()
  const app = express()
  app.use(login.router)
  server.on('request', app)
  return {
    url, login, kept, lines,
    pass: (ms) => void (offset += ms),
    second: open,
    async close() {
      login.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await store.close()
      place.remove()
    },
  }
}
