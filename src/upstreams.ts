import { isObject } from './exact-json.ts'
import { createSseReader } from './wire/sse.ts'
import { printJson, readJson } from './wire/json.ts'
import { subscriptionIdOf } from './wire/envelope.ts'
import { credentialsOf } from './config/credentials.ts'
import type { Settings } from './config/schema.ts'
import { tlsOf } from './config/tls.ts'
import type { Secrets } from './config/secrets.ts'
import { createEchoGuard } from './enforce/echo.ts'
import type { Logger, Message } from './model.ts'
import { createHttpUpstream } from './upstream/http.ts'
import { createSseUpstream } from './upstream/sse.ts'
import { createStdioUpstream } from './upstream/stdio.ts'
import type { Address } from './upstream/switchboard.ts'
import type { OwnIds, Upstream } from './upstream/upstream.ts'
import { encodeHeader } from './wire/mirror.ts'
import { outgoingEnvelope } from './wire/outgoing.ts'

/** Every server of the configuration, by name. */
export function createUpstreams(settings: Settings, secrets: Secrets, redactText: (text: string) => string, logger: Logger): ReadonlyMap<string, Upstream> {
  const { limits } = settings
  const readAddress = (message: Uint8Array) => addressOf(message, limits)
  return new Map(
    Object.entries(settings.upstreams).map(([name, own]): [string, Upstream] => {
      const { header, env, secrets: known } = credentialsOf(name, own, secrets)
      const common = { name, labels: own.labels, secrets: known, maxAnswer: limits.answer, print: ({ envelope }: Message, own: OwnIds) => printJson(outgoingEnvelope(envelope, own)) }
      if ('urls' in own) {
        const reached = { ...common, ...(header === undefined ? {} : { credential: header }), urls: own.urls, tls: tlsOf(name, own, secrets), createSseReader }
        if (own.transport === 'sse') return [name, createSseUpstream({ ...reached, readAddress, answerTimeout: limits.upstream_wait, logger })]
        return [name, createHttpUpstream({ ...reached, headersTimeout: limits.upstream_wait, encodeHeader })]
      }
      const caps = { maxChildren: limits.children, maxChildrenPerOwner: limits.children_per_person }
      const guard = createEchoGuard(known)
      const clean = (text: string) => redactText(guard.cleanText(text))
      return [name, createStdioUpstream({ ...common, ...caps, command: own.command, args: own.args, env, cwd: settings.directory, readAddress, redactText: clean, logger, answerTimeout: limits.upstream_wait })]
    }),
  )
}

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
