import { createHash, randomBytes } from 'node:crypto'
import { createPersonBrowser, type PersonBrowser, type Visit } from '../support/person-browser.ts'
import { allowAll, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

export const sam = { sub: 'sam', name: 'Sam', email: 'sam@example.com', email_verified: true, groups: ['support'], auth_time: Math.floor(Date.now() / 1000) }
export const redirect = 'http://127.0.0.1:33418/callback'

export interface World {
  readonly gateway: TestGateway
  readonly url: string
  readonly idp: ShapedIssuer
  readonly upstream: StubServer
  close(): Promise<void>
}
export type WorldOptions = Partial<TestGatewayOptions> & { readonly identity?: Readonly<Record<string, unknown>>; readonly idp?: ShapedIssuer; readonly upstreamSettings?: Readonly<Record<string, object>> }

/** A gateway where people sign in at a provider that says yes to everybody, before two servers that answer. */
export async function startWorld({ identity = {}, settings = {}, upstreamSettings = {}, idp: given, ...options }: WorldOptions = {}): Promise<World> {
  const idp = given ?? (await startShapedIssuer({ ...sam }))
  const upstream = await startStubServer(mcpAnswers({
    initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } }),
    'tools/list': () => ({ tools: ['read_one', 'delete_one', 'delete_all'].map((name) => ({ name, inputSchema: { type: 'object' } })) }),
    'tools/call': (params) => ({ content: [{ type: 'text', text: `did ${String((params as { name?: unknown }).name)}` }] }),
  }))
  const gateway = await startGateway({
    rego: { 'policies/open/open.rego': allowAll },
    upstreams: Object.fromEntries(['crm', 'wiki'].map((name) => [name, { url: `${upstream.url}/mcp`, ...upstreamSettings[name] }])),
    ...options,
    settings: {
      identity: { providers: [{ name: 'corp', kind: 'oidc', issuer: idp.issuer, client_id: idp.client.id, client_secret_from: { env: 'IDP_SECRET' } }], ...identity },
      ...settings,
    },
    env: { IDP_SECRET: idp.client.secret, ...options.env },
  })
  return {
    gateway, url: gateway.url, idp, upstream,
    async close() {
      await gateway.close()
      await upstream.close()
      if (given === undefined) await idp.close()
    },
  }
}

export interface Pkce {
  readonly verifier: string
  readonly challenge: string
}
export const pkce = (): Pkce => {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

export const register = async (url: string, metadata: object = {}): Promise<Response> =>
  fetch(`${url}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'A test', redirect_uris: [redirect], token_endpoint_auth_method: 'none', ...metadata }),
  })
export const registered = async (url: string, metadata: object = {}): Promise<string> => ((await (await register(url, metadata)).json()) as { client_id: string }).client_id

export const authorizationUrl = (url: string, client: string, { challenge }: Pick<Pkce, 'challenge'>, more: Readonly<Record<string, string | undefined>> = {}): string => {
  const given = { response_type: 'code', client_id: client, redirect_uri: redirect, code_challenge: challenge, code_challenge_method: 'S256', state: 'a-state', resource: `${url}/mcp/crm`, scope: 'mcp:crm', ...more }
  return `${url}/oauth/authorize?${new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] satisfies [string, string]])))}`
}

/** As far as the client's own address, which nobody visits. */
export const untilBack = (next: URL): boolean => next.port !== '33418' && next.protocol.startsWith('http') && !next.hostname.endsWith('.example')

/** The person's part: they sign in, are asked, and say yes. Resolves with where they are sent back. */
export async function agree(url: string, browser: PersonBrowser = createPersonBrowser(), follow = untilBack): Promise<URL> {
  return sentBack(await browser.visit(url, { follow }), browser, 'allow', follow)
}
export async function sentBack(page: Visit, browser: PersonBrowser, answer = 'allow', follow = untilBack): Promise<URL> {
  const last = page.headers.get('location') !== null ? page : await browser.submit(page, { answer }, 'name="answer"', follow)
  const location = last.headers.get('location')
  if (location === null) throw new Error(`not sent back: ${last.status} ${last.url} ${last.text.slice(0, 800)}`)
  return new URL(location, last.url)
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly scope: string
  readonly token_type: string
}
export const tokenRequest = (url: string, form: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${url}/oauth/token`, { method: 'POST', headers, body: new URLSearchParams(form) })
/** How a client is refused. */
export const errorOf = async (response: Response): Promise<readonly unknown[]> => [response.status, ((await response.json()) as { error?: unknown }).error]
export const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
export const redeem = (url: string, client: string, code: string, verifier: string, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
  tokenRequest(url, { grant_type: 'authorization_code', client_id: client, code, code_verifier: verifier, redirect_uri: redirect, ...more })
export const refresh = (url: string, client: string, token: string, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
  tokenRequest(url, { grant_type: 'refresh_token', client_id: client, refresh_token: token, ...more })

/** A client that nobody knew gets tokens for somebody who says yes. */
export async function signInBy(url: string, client: string, { browser = createPersonBrowser(), ...more }: { readonly browser?: PersonBrowser; readonly resource?: string; readonly scope?: string } = {}): Promise<Tokens> {
  const own = pkce()
  const back = await agree(authorizationUrl(url, client, own, more), browser)
  const response = await redeem(url, client, back.searchParams.get('code') ?? '', own.verifier, more.resource === undefined ? {} : { resource: more.resource })
  if (response.status !== 200) throw new Error(`no tokens: ${response.status} ${await response.text()} ${back}`)
  return (await response.json()) as Tokens
}

/** Lets in one person of the provider of these suites. */
export const samOnly = `package policies.people

allow if {
	input.actor.kind == "person"
	input.actor.provider == "corp"
	input.actor.subject == "sam"
	"support" in input.actor.groups
}
`
