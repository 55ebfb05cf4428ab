import type { IncomingMessage } from 'node:http'
import type { AppParts } from '../app.ts'
import type { ResolveInput } from '../identity/identity.ts'
import { createEndpoint, type EndpointParts, type Resolved } from '../proxy/endpoint.ts'
import { createIncoming } from '../proxy/incoming.ts'
import type { Rejections } from '../proxy/rejections.ts'
import { toolsCalled } from '../proxy/replies.ts'
import type { Sessions } from '../proxy/sessions.ts'
import { createSseEndpoint } from '../proxy/sse-endpoint.ts'
import { wantedFor } from '../upstream/scopes.ts'
import { readSseMessage } from '../wire/2024-11-05/message.ts'
import { checkParamHeaders, mirrorParams, paramHeaders, readHead, readPost, readVisit } from '../wire/door.ts'
import type { RpcMessage } from '../wire/rpc.ts'
import { sseComment, writeSseEvent } from '../wire/sse.ts'
import type { Settings } from '../config/schema.ts'
import type { Parts } from './parts.ts'
import type { Member } from './surroundings.ts'

export interface DoorsParts extends Pick<Parts, 'identity' | 'upstreams' | 'limits'> {
  readonly settings: Settings
  readonly rooms: EndpointParts['rooms']
  readonly sessions: Sessions
  readonly rejections: Rejections
  readonly member: Member | undefined
  readonly isClosing: () => boolean
}

/** Where clients come in: `/mcp/<upstream>`, and its older form. */
export function createDoors({ identity, upstreams, limits, settings, rooms, sessions, rejections, member, isClosing }: DoorsParts): Pick<AppParts, 'endpoint' | 'sseEndpoint'> {
  const audienceOf = (upstream: string) => `${settings.public_url}/mcp/${upstream}`
  /** Upstreams of which some calls want more than the first scope. */
  const scoped = new Map(Object.entries(settings.upstreams).flatMap(([name, { scopes }]) => (Object.keys(scopes).length === 0 ? [] : [[name, scopes] as const])))
  /** Where nobody can tell, it was good before. */
  const isStillGood = async (input: ResolveInput): Promise<boolean> => {
    const again = await identity.resolve(input)
    return again.ok || again.refusal.status === 503
  }
  const common = {
    rooms, sessions, limits, rejections, isClosing, incoming: createIncoming(limits.request),
    upstream: (name: string) => upstreams.all.get(name),
    async resolve(rawHeaders: readonly string[], upstream: string, url: string): Promise<Resolved> {
      const input = { rawHeaders, audience: audienceOf(upstream), url }
      const resolved = await identity.resolve(input)
      if (resolved.ok) return { ok: true, caller: { actor: resolved.actor, expiresAt: resolved.token.expires_at, scopes: resolved.token.scopes, isGood: () => isStillGood(input) } }
      return { ok: false, ...resolved.refusal }
    },
    lacking(upstream: string, messages: readonly RpcMessage[], has: readonly string[]) {
      const scopes = scoped.get(upstream)
      const tools = scopes === undefined ? [] : toolsCalled(messages)
      if (scopes === undefined || tools.length === 0) return undefined
      const wanted = wantedFor(upstream, scopes, tools)
      return wanted.length === 0 ? undefined : identity.lacking({ audience: audienceOf(upstream), has, wanted })
    },
    ...(member === undefined ? {} : { isElsewhere: member.isElsewhere }),
    sse: { writeEvent: writeSseEvent, comment: sseComment() },
  }
  return {
    sseEndpoint: createSseEndpoint({ ...common, door: { readHead, readMessage: readSseMessage } }),
    endpoint: createEndpoint({
      ...common,
      door: {
        readHead, readVisit, readPost,
        mirrored: (rawHeaders) => ({
          check: (schema, args, id) => checkParamHeaders(rawHeaders, schema, args, id),
          remake: (schema, args) => mirrorParams(schema, args, paramHeaders(rawHeaders)),
        }),
      },
    }),
  }
}

/** Whoever is turned away before there is a session is recorded as well. */
export type TurnedAway = (upstream: string, request: Pick<IncomingMessage, 'socket'>, refusal: { readonly status: number; readonly code: string; readonly message: string }) => void

export const turningAway = (rejections: Rejections): TurnedAway => (upstream, { socket }, { status, code, message }) =>
  rejections.tell({ upstream, from: socket.remoteAddress ?? 'unknown', status, code, message })
