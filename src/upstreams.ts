import { createSseReader } from './wire/sse.ts'
import { isObject, printJson, readJson } from './wire/json.ts'
import { subscriptionIdOf } from './wire/envelope.ts'
import type { Settings } from './config/schema.ts'
import type { Secrets } from './config/secrets.ts'
import type { Logger } from './model.ts'
import { createHttpUpstream } from './upstream/http.ts'
import type { UpstreamSettings } from './upstream/settings.ts'
import { createStdioUpstream, type LineAddress } from './upstream/stdio.ts'
import type { Upstream } from './upstream/upstream.ts'

type Http = Extract<UpstreamSettings, { url: string }>

/** Every server of the configuration, by name. */
export function createUpstreams(settings: Settings, secrets: Secrets, redactText: (text: string) => string, logger: Logger): ReadonlyMap<string, Upstream> {
  const { limits } = settings
  return new Map(
    Object.entries(settings.upstreams).map(([name, own]): [string, Upstream] => {
      const { labels } = own
      if ('url' in own) {
        const credential = credentialOf(own.credentials, `upstreams.${name}.credentials`, secrets)
        return [
          name,
          createHttpUpstream({
            name, labels, url: own.url, secrets: credential?.secrets ?? [], maxAnswer: limits.answer, headersTimeout: limits.upstream_wait, print: printJson, createSseReader,
            ...(credential === undefined ? {} : { credential }),
          }),
        ]
      }
      return [
        name,
        createStdioUpstream({
          name, labels, command: own.command, args: own.args, env: environmentOf(own.env, `upstreams.${name}.env`, secrets), cwd: settings.directory, maxAnswer: limits.answer,
          maxChildren: limits.children, maxChildrenPerOwner: limits.children_per_person, print: printJson, readAddress: (line) => addressOf(line, limits), redactText, logger,
        }),
      ]
    }),
  )
}

function credentialOf(credentials: Http['credentials'], path: string, secrets: Secrets): { header: string; value: string; secrets: string[] } | undefined {
  if (credentials === undefined) return undefined
  if (credentials.kind === 'bearer') {
    const token = secrets.get(`${path}.token`)
    return { header: 'authorization', value: `Bearer ${token}`, secrets: [token] }
  }
  if (credentials.kind === 'header') {
    const value = secrets.get(`${path}.value`)
    return { header: credentials.name, value, secrets: [value] }
  }
  const password = secrets.get(`${path}.password`)
  const encoded = Buffer.from(`${credentials.username}:${password}`).toString('base64')
  return { header: 'authorization', value: `Basic ${encoded}`, secrets: [password, encoded] }
}

function environmentOf(env: Readonly<Record<string, unknown>>, path: string, secrets: Secrets): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([key, value]) => {
      if (typeof value === 'string') return [key, value]
      const name = key.slice(0, -'_from'.length)
      return [name, secrets.get(`${path}.${name}`)]
    }),
  )
}

/** Whose a line is; the line itself is read again, and judged, where it is handed over. */
function addressOf(line: Uint8Array, limits: { readonly answer: number; readonly depth: number }): LineAddress {
  const read = readJson(line, { maxBytes: limits.answer, maxDepth: limits.depth, twins: 'none' })
  if (!read.ok || !isObject(read.value)) return { kind: 'unreadable' }
  const { id, method, params } = read.value
  if (method === undefined) return typeof id === 'string' ? { kind: 'answer', id } : { kind: 'answer' }
  if (id !== undefined) return { kind: 'request' }
  const body = isObject(params) ? params : {}
  const token = subscriptionIdOf(body) ?? body['progressToken']
  return token === undefined ? { kind: 'notification' } : { kind: 'notification', token }
}
