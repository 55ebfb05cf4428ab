import type { Router } from 'express'
import { fitsHeader } from '../config/secret-read.ts'
import { createLiveSecrets, type LiveSecret } from '../config/secrets-live.ts'
import { createSecretReader, type Secrets } from '../config/secrets.ts'
import type { Settings } from '../config/schema.ts'
import { tlsOf } from '../config/tls.ts'
import { createCredentials } from '../credentials/create.ts'
import { createConnections, type Connections } from '../credentials/oauth/connections.ts'
import { createConnectRoutes } from '../credentials/oauth/routes.ts'
import type { SubjectTokenOf } from '../credentials/parts.ts'
import { createEchoGuards } from '../enforce/echo.ts'
import { isObject } from '../exact-json.ts'
import type { Kept } from '../kept.ts'
import type { Login } from '../login/login.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { Clock, Logger, Message } from '../model.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { FollowChild } from '../upstream/child.ts'
import { createHttpUpstream } from '../upstream/http.ts'
import { createSseUpstream } from '../upstream/sse.ts'
import { createStdioUpstream } from '../upstream/stdio.ts'
import type { Address } from '../upstream/switchboard.ts'
import type { OwnIds, Upstream } from '../upstream/upstream.ts'
import { subscriptionIdOf } from '../wire/envelope.ts'
import { printJson, readJson } from '../wire/json.ts'
import { encodeHeader } from '../wire/mirror.ts'
import { outgoingEnvelope } from '../wire/outgoing.ts'
import { createSseReader } from '../wire/sse.ts'

type UpstreamSettings = Settings['upstreams'][string]

export interface UpstreamParts {
  readonly settings: Settings
  readonly secrets: Secrets
  readonly redactText: (text: string) => string
  readonly outbound: Outbound
  readonly kept: Kept
  readonly subjectTokenOf: SubjectTokenOf
  readonly metrics: Pick<Metrics, 'secretRead' | 'tokenAsked'>
  readonly clock: Clock
  readonly logger: Logger
  readonly follow?: FollowChild | undefined
}
export interface Upstreams {
  /** Every server of the configuration, by name. */
  readonly all: ReadonlyMap<string, Upstream>
  /** People's own accounts at servers. */
  readonly connections: Connections
  close(): Promise<void>
}

export function createUpstreams(parts: UpstreamParts): Upstreams {
  const { settings, secrets, outbound, clock, logger, metrics } = parts
  const { limits } = settings
  const reader = createSecretReader(settings.directory, process.env)
  const live = createLiveSecrets({
    initial: secrets.get, read: reader.read, every: settings.secrets.refresh,
    accepts: (path, value) => !value.includes('\0') && (!path.includes('.credentials.') || path.endsWith('.private_key') || fitsHeader(value)),
    tell: {
      changed(path) {
        metrics.secretRead(path, 'changed')
        logger.info('a secret is another now', { secret: path })
      },
      failed(path, found) {
        metrics.secretRead(path, 'failed')
        logger.error('a secret cannot be read again, and stays as it was', { secret: path, found })
      },
    },
  })
  const secretsOf = (name: string, own: UpstreamSettings) => (secret: string): LiveSecret => {
    const from = 'urls' in own ? (own.credentials as Record<string, unknown> | undefined)?.[`${secret}_from`] : undefined
    return live.of(`upstreams.${name}.credentials.${secret}`, from as Parameters<typeof live.of>[1]) // the settings were checked
  }
  const connections = createConnections({ kept: parts.kept, publicUrl: settings.public_url, clock, logger })

  const createOne = (name: string, own: UpstreamSettings): Upstream => {
    const common = { name, labels: own.labels, maxAnswer: limits.answer, print: ({ envelope }: Message, own: OwnIds) => printJson(outgoingEnvelope(envelope, own)) }
    const readAddress = (message: Uint8Array) => addressOf(message, limits)
    if (!('urls' in own)) return createStdioUpstream({ ...common, ...stdioOf(name, own), maxChildren: limits.children, maxChildrenPerOwner: limits.children_per_person, readAddress, answerTimeout: limits.upstream_wait })
    const tls = tlsOf(name, own, secrets)
    const url = own.urls[0] as string // the settings have at least one
    const secret = secretsOf(name, own)
    const written = Object.values(own.credentials ?? {}).filter((value): value is string => typeof value === 'string' && /^https?:/i.test(value))
    const fetch = outbound.fetchFor({ purpose: 'credentials', configured: written })
    const tell = (result: 'given' | 'refused' | 'failed') => metrics.tokenAsked(name, result)
    const credentials = createCredentials(own.credentials, {
      upstream: name, url, secret, fetch, clock, logger, tell, subjectTokenOf: parts.subjectTokenOf, publicUrl: settings.public_url,
      connections: (oauth) => connections.add({ upstream: name, url, settings: oauth, secret, fetch, fetchServer: outbound.fetchFor({ purpose: 'credentials', configured: own.urls, tls }), tell }),
    })
    const reached = { ...common, credentials, urls: own.urls, tls, createSseReader }
    if (own.transport === 'sse') return createSseUpstream({ ...reached, readAddress, answerTimeout: limits.upstream_wait, logger })
    return createHttpUpstream({ ...reached, headersTimeout: limits.upstream_wait, encodeHeader })
  }

  const stdioOf = (name: string, own: Exclude<UpstreamSettings, { urls: unknown }>) => {
    const plain = Object.entries(own.env).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
    const hidden = Object.entries(own.env).flatMap(([key, source]) => {
      const variable = key.slice(0, -'_from'.length)
      return typeof source === 'string' ? [] : [{ variable, secret: live.of(`upstreams.${name}.env.${variable}`, source) }]
    })
    let known: { readonly version: string; readonly secrets: readonly string[] } | undefined
    const secretsNow = () => {
      const version = hidden.map(({ secret }) => secret.version()).join()
      if (known?.version !== version) known = { version, secrets: hidden.flatMap(({ secret }) => [secret.value(), ...secret.former()]) }
      return known.secrets
    }
    const guardOf = createEchoGuards()
    return {
      command: own.command, args: own.args, cwd: settings.directory, logger, follow: parts.follow, secrets: secretsNow,
      env: () => Object.fromEntries([...plain, ...hidden.map(({ variable, secret }) => [variable, secret.value()] as const)]),
      redactText: (text: string) => parts.redactText(guardOf(secretsNow())?.cleanText(text) ?? text),
    }
  }

  const all = new Map(Object.entries(settings.upstreams).map(([name, own]) => [name, createOne(name, own)]))
  return {
    all, connections,
    async close() {
      live.close()
      for (const upstream of all.values()) await upstream.close()
      await reader.close()
    },
  }
}

/** Where people connect the gateway to their accounts at servers. */
export const connectRoutes = (connections: Connections, { browsers }: Pick<Login, 'browsers'>, logger: Logger): Router => createConnectRoutes({ connections, browsers, logger })

/** Whose a message is; it is read again, and judged, where it is handed over. */
function addressOf(line: Uint8Array, limits: { readonly answer: number; readonly depth: number }): Address {
  const read = readJson(line, { maxBytes: limits.answer, maxDepth: limits.depth, twins: 'none' })
  if (!read.ok || !isObject(read.value)) return { kind: 'unreadable' }
  const { id, method, params } = read.value
  if (method === undefined) return typeof id === 'string' ? { kind: 'answer', id } : { kind: 'answer' }
  if (id !== undefined) return { kind: 'request' }
  const body = isObject(params) ? params : {}
  const token = subscriptionIdOf(body) ?? body['progressToken'] ?? (method === 'notifications/cancelled' ? body['requestId'] : undefined)
  return token === undefined ? { kind: 'notification' } : { kind: 'notification', token }
}

/** Whose account has ended, and who does not come back, is not kept connected to anything. Returns how to stop. */
export const followConnections = (connections: Connections, { accounts }: Pick<Login, 'accounts'>, logger: Logger): () => void =>
  accounts.follow(({ id, what, issuer, subject }) => {
    if (what !== 'ended') return
    for (const server of connections.all()) {
      server.left({ issuer, subject }).catch((cause: unknown) => logger.error('a connection of somebody whose account has ended could not be marked', { upstream: server.upstream, account: id, cause: String(cause) }))
    }
  })
