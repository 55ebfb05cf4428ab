import { readFile } from 'node:fs/promises'
import type { Router } from 'express'
import { decodeProtectedHeader } from 'jose'
import type { OwnTokens } from '../account.ts'
import type { Settings } from '../config/schema.ts'
import type { Secrets } from '../config/secrets.ts'
import { createKeySource, type KeySource } from '../identity/keys.ts'
import { issuerSettings, keySet } from '../identity/settings.ts'
import { createKept, type KeptStore } from '../kept.ts'
import type { News } from '../login/changes.ts'
import type { Login } from '../login/login.ts'
import { chainOf, type Clock, type Logger, type Person } from '../model.ts'
import { renewedFor } from '../oauth/acting.ts'
import { commandClient } from '../oauth/command-client.ts'
import type { ConfiguredClient } from '../oauth/configured-clients.ts'
import type { Vouching } from '../oauth/grants/id-jag.ts'
import { createTally, type Tally } from '../oauth/rates.ts'
import type { VerifyWorkload } from '../oauth/grants/token-exchange.ts'
import type { Outbound, OutboundFetch } from '../outbound/outbound.ts'
import { scopesOf } from '../upstream/scopes.ts'
import type { Sessions } from '../proxy/sessions.ts'
import { placeOf } from '../workers/owner.ts'

export interface PeopleParts {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly store: KeptStore
  readonly outbound: Outbound
  readonly workload: VerifyWorkload
  readonly clock: Clock
  readonly logger: Logger
  /** Counts for all processes together. */
  readonly tally?: Tally | undefined
  /** Makes the other processes learn of what changed with somebody, or was taken back; resolves when they have. */
  readonly tellOthers?: ((news?: News) => Promise<void>) | undefined
}
/** Those who sign in: where they do, and what they and their clients are given. */
export interface People {
  readonly routes: readonly Router[]
  /** Absent where nobody can sign in here. */
  readonly own?: OwnTokens
  readonly login?: Login
  /** Another process tells what changed with somebody, or that something was taken back. */
  changedElsewhere(news?: News): void
  close(): void
}

const sweepEvery = 60_000

export async function openPeople({ settings, secrets, store, outbound, workload, clock, logger, tally = createTally(clock), tellOthers }: PeopleParts): Promise<People> {
  const { public_url: publicUrl, identity } = settings
  const peopleSignIn = identity.providers.length > 0
  if (!peopleSignIn && identity.clients.length === 0) return { routes: [], changedElsewhere: () => undefined, close: () => undefined }
  // Their libraries are a quarter of all that a gateway loads: only for those who use them.
  const [{ createLogin }, { openOAuth }] = await Promise.all([import('../login/login.ts'), import('../oauth/oauth.ts')])
  const kept = createKept(store, secrets.storeKey(), clock)
  const fetchFor = (configured: readonly string[]) => outbound.fetchFor({ purpose: 'sign_in', configured })
  // Whatever an issuer signs is verified by one set of its keys, fetched once for all.
  const keySources = new Map<string, KeySource>()
  const keysFor = ({ name, issuer }: { readonly name: string; readonly issuer: string }): KeySource => {
    const known = keySources.get(issuer) ?? createKeySource(issuerSettings.parse({ name, issuer }), { clock, fetch: fetchFor([issuer]), logger })
    keySources.set(issuer, known)
    return known
  }
  const login = createLogin({
    settings: identity,
    publicUrl, kept, clock, logger, fetchFor, issuers: identity.issuers,
    secret: secrets.get,
    keysFor, announced: tellOthers,
  })
  const { accounts, browsers } = login
  const oauth = await openOAuth({
    workload, placeOf, tally, ended: tellOthers,
    vouching: { signs: signsOf(identity, keysFor), find: accounts.find },
    publicUrl, kept, accounts, browsers, clock, logger,
    upstreams: new Map(Object.entries(settings.upstreams).map(([name, { scopes }]) => [name, { more: scopesOf(name, scopes) }])),
    clients: [commandClient, ...(await clientsOf(identity, secrets))],
    tokens: identity.tokens,
    // Clients that nobody configured may only sign people in.
    registration: peopleSignIn ? identity.registration : { ...identity.registration, dynamic: false, metadata_documents: false },
    fetch: fetchAbout(outbound, identity.clients.flatMap(({ jwks }) => (jwks !== undefined && 'url' in jwks ? [jwks.url] : []))),
  })

  const sweeper = setInterval(() => {
    oauth.tick().catch((error: unknown) => logger.error('signing keys could not be looked after', { error: String(error) }))
    kept.sweep().catch((error: unknown) => logger.error('what has expired could not be erased', { error: String(error) }))
  }, sweepEvery).unref()
  return {
    routes: [...(peopleSignIn ? [login.router] : []), oauth.router],
    own: oauth.own,
    ...(peopleSignIn ? { login } : {}),
    changedElsewhere(news) {
      if (news !== undefined) accounts.hear(news)
      oauth.changedElsewhere()
    },
    close() {
      clearInterval(sweeper)
      oauth.close()
      login.close()
    },
  }
}

/** The clients of the configuration with what they show, and the issuers of their actors by address. */
const clientsOf = ({ clients, issuers }: Settings['identity'], secrets: Secrets): Promise<readonly ConfiguredClient[]> =>
  Promise.all(clients.map(async (client, index) => {
    const path = `identity.clients.${index}.client_secret`
    return {
      ...client,
      actors: issuers.filter(({ name }) => client.actors.includes(name)).map(({ issuer }) => issuer),
      ...(secrets.has(path) ? { client_secret: secrets.get(path) } : {}),
      ...(client.jwks !== undefined && 'file' in client.jwks ? { keys: keySet.parse(JSON.parse(await readFile(client.jwks.file, 'utf8'))) } : {}),
    }
  }))

/** The providers whose assertions count, by issuer. */
function signsOf({ providers, id_jag: names }: Settings['identity'], keysFor: (issuer: { readonly name: string; readonly issuer: string }) => KeySource): Vouching['signs'] {
  const trusted = new Map(providers.flatMap((provider) => (provider.kind === 'oidc' && names.includes(provider.name) ? [[provider.issuer, { keys: keysFor(provider), algorithms: provider.algorithms }] as const] : [])))
  return async (issuer, token) => {
    const found = trusted.get(issuer)
    if (found === undefined) return undefined
    const [protectedPart = '', payload = '', signature = ''] = token.split('.')
    const { alg, ...header } = decodeProtectedHeader(token)
    if (alg === undefined || !(found.algorithms as readonly string[]).includes(alg)) return { keys: [], algorithms: found.algorithms }
    const answer = await found.keys.find({ ...header, alg }, { protected: protectedPart, payload, signature })
    return { keys: answer.kind === 'keys' ? answer.keys : [], algorithms: found.algorithms }
  }
}

/** What clients say of themselves is in the open; keys that the operator wrote down may be inside the network. */
function fetchAbout(outbound: Outbound, configured: readonly string[]): OutboundFetch {
  const use = { purpose: 'client_metadata', largest: 64 * 1024, within: 5_000 } as const
  const [anywhere, inside] = [outbound.fetchFor(use), outbound.fetchFor({ ...use, configured })]
  return (url, init) => (configured.includes(String(url)) ? inside : anywhere)(url, init)
}

/** Whoever may not go on loses what runs here; whoever is asked about is whoever has something running. Returns how to stop. */
export function followPeople({ accounts, start }: Login, sessions: Pick<Sessions, 'all' | 'revoke' | 'renew'>, logger: Logger): () => void {
  start(() => sessions.all().flatMap(({ actor }) => chainOf(actor)))
  const renew = (person: Person): void => {
    for (const actor of [person, ...sessions.all().flatMap((session) => renewedFor(person, session.actor) ?? [])]) sessions.renew(actor)
  }
  return accounts.follow((change) => {
    const work = change.what === 'changed' ? accounts.get(change.id).then((account) => account && renew(account.actor)) : sessions.revoke(change)
    work.catch((cause: unknown) => logger.error('what somebody had running could not be ended', { account: change.id, cause: String(cause) }))
  })
}
