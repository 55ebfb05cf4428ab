import type { ServerResponse } from 'node:http'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { json, startStubServer } from '../support/stub-server.ts'
import { sam, startWorld, tokenRequest, type World } from './world.ts'

/** Everything that policies see of whoever acts for somebody; whom they let, they let for both. */
const policy = (issuers: { readonly corp: string; readonly ci: string }) => `package policies.agents

allow if input.actor.kind == "person"

allow if {
	input.actor.kind == "service"
	input.message.method != "tools/call"
}

may := {"assistant", "helper", "${issuers.ci}#repo:acme/app"}

allow if {
	input.actor.kind == "agent"
	input.actor.provider == "gateway"
	startswith(input.actor.issuer, "http://127.0.0.1:")
	input.actor.subject in may
	input.actor.groups_known
	"support" in input.actor.groups
	not input.actor.email
	sams
}

sams if {
	input.actor.acting_for.issuer == "${issuers.corp}"
	input.actor.acting_for.subject == "sam"
	input.actor.acting_for.email == "sam@example.com"
}

sams if {
	input.actor.acting_for.subject in {"assistant", "repo:acme/app"}
	input.actor.acting_for.acting_for.subject == "sam"
}

deny contains {"code": "people_only"} if {
	input.actor.kind == "agent"
	input.message.call.name == "delete_all"
}

deny contains {"code": "blocked"} if {
	"blocked" in input.actor.groups
	input.message.method == "notifications/message"
	input.message.body.level == "info"
}

require_approval contains {"code": "asked", "reviewers": ["oncall"]} if {
	input.actor.kind == "agent"
	input.message.call.name == "delete_one"
}
`
export const word = 'a-secret-of-the-agents-0123456789'
export interface ActingWorld extends World {
  readonly ci: ShapedIssuer
  readonly stranger: ShapedIssuer
  /** Has the server `wiki` say something to whoever listens. */
  say(level: 'info' | 'error'): void
  exchange(form: Readonly<Record<string, string | undefined>>, client?: string): Promise<Response>
  /** What a program of `ci` has. */
  workload(claims?: Readonly<Record<string, unknown>>, issuer?: ShapedIssuer): Promise<string>
}
const types = { access: 'urn:ietf:params:oauth:token-type:access_token', jwt: 'urn:ietf:params:oauth:token-type:jwt' } as const

export async function startActingWorld(settings: Readonly<Record<string, unknown>> = {}): Promise<ActingWorld> {
  const [idp, ci, stranger] = await Promise.all([startShapedIssuer({ ...sam }), startShapedIssuer({}), startShapedIssuer({})])
  let listener: ServerResponse | undefined
  const wiki = await startStubServer((request, response) => {
    if (request.method === 'GET') return void (listener = response.writeHead(200, { 'content-type': 'text/event-stream' })).flushHeaders()
    const { id, method } = request.body === '' ? {} : JSON.parse(request.body)
    if (id === undefined) return void response.writeHead(202).end()
    json(response, { jsonrpc: '2.0', id, result: method === 'initialize' ? { protocolVersion: '2025-11-25', capabilities: { logging: {} }, serverInfo: { name: 'wiki', version: '1' } } : {} })
  })
  const shared = { client_secret_from: { env: 'WORD' } }
  const acts = { ...shared, grants: ['token_exchange'], may_act_for: { groups: ['support'] } }
  const world = await startWorld({
    idp, settings,
    rego: { 'policies/agents/agents.rego': policy({ corp: idp.issuer, ci: ci.issuer }) },
    identity: {
      id_jag: ['corp'],
      issuers: [
        { name: 'ci', issuer: ci.issuer, algorithms: ['RS256'], require: { repository: 'acme/*' } },
        { name: 'robots', issuer: stranger.issuer, algorithms: ['RS256'] },
        { name: 'corp', issuer: idp.issuer, algorithms: ['RS256'] },
        { name: 'people', issuer: 'https://people.example', kind: 'person', trusted_groups: ['oncall', 'audit'], jwks: { file: 'jwks.json' }, algorithms: ['ES256'] },
      ],
      clients: [
        { client_id: 'assistant', name: 'The assistant', ...acts, grants: ['token_exchange', 'client_credentials'], actors: ['ci', 'corp'] },
        { client_id: 'helper', name: 'A helper of the assistant', ...acts },
        { client_id: 'third', name: 'Another helper', ...acts },
        { client_id: 'fourth', name: 'Another helper', ...acts },
        { client_id: 'fifth', name: 'Another helper', ...acts },
        { client_id: 'clerk', name: 'One for the office', ...acts, may_act_for: { groups: ['office'] } },
        { client_id: 'nightly', name: 'The nightly job', ...shared, grants: ['client_credentials'] },
        { client_id: 'desktop', name: 'The desktop', ...shared, grants: ['id_jag'] },
        { client_id: 'terminal', name: 'The terminal', grants: ['device_code'] },
      ],
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'] }, more: { tools: ['more_*'] } } }, wiki: { url: wiki.url } },
    env: { WORD: word },
  })
  return {
    ...world, ci, stranger,
    say: (level) => void listener?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } })}\n\n`),
    exchange(form, client = 'assistant') {
      const typed: Readonly<Record<string, string | undefined>> = { subject_token_type: types.access, ...(form['actor_token'] === undefined ? {} : { actor_token_type: types.jwt }), ...form }
      const given = Object.entries(typed).filter((each): each is [string, string] => each[1] !== undefined)
      return tokenRequest(world.url, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...Object.fromEntries(given) }, asClient(client))
    },
    workload: (claims = {}, issuer = ci) => issuer.sign({ sub: 'repo:acme/app', repository: 'acme/app', aud: world.url, exp: Math.floor(Date.now() / 1000) + 120, ...claims }),
    async close() {
      await world.close()
      await wiki.close()
      for (const issuer of [idp, ci, stranger]) await issuer.close()
    },
  }
}

export const asClient = (id: string): Readonly<Record<string, string>> => ({ authorization: `Basic ${Buffer.from(`${id}:${word}`).toString('base64')}` })
export async function tokenOf(response: Promise<Response>): Promise<string> {
  const answer = (await (await response).json()) as { access_token?: string }
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}
