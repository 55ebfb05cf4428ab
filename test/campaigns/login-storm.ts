import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer, type ShapedIssuer } from '../support/shaped-issuer.ts'

/** Where people sign in, and whose tokens programs bring. */
export interface StormIssuers {
  readonly corp: ShapedIssuer
  readonly ci: ShapedIssuer
}
export interface StormOptions {
  readonly url: string
  readonly mcp: string
  readonly seconds: number
  readonly loginsPerSecond: number
  readonly unknownPerSecond: number
}
export interface StormReport {
  readonly logins: number
  /** Of these, told to come back in a moment. */
  readonly shed: number
  readonly slowestLogin: number
  readonly unknown: number
  /** Sign-ins that did not come to their end, and tokens that were not refused as they should be. */
  readonly wrong: readonly string[]
}

/** Somebody else each time. */
export async function startStormIssuers(): Promise<StormIssuers> {
  let people = 0
  return { corp: await startShapedIssuer({ get sub() { return `person-${(people += 1)}` }, groups: ['support'] }), ci: await startShapedIssuer({}) }
}

export const keyFetches = ({ asked }: ShapedIssuer): number => asked.filter((path) => path === '/jwks').length

export const stormIdentity = ({ corp, ci }: Readonly<Record<'corp' | 'ci', Pick<ShapedIssuer, 'issuer' | 'client'>>>, secret: object) => ({
  issuers: [
    { name: 'people', issuer: 'https://people.example', kind: 'person', jwks: { file: 'jwks.json' }, algorithms: ['ES256'] },
    { name: 'ci', issuer: ci.issuer, algorithms: ['RS256'] },
  ],
  providers: [{ name: 'corp', kind: 'oidc', issuer: corp.issuer, client_id: corp.client.id, client_secret_from: secret }],
})

/** So many a second, whatever becomes of them; resolves when all are over. */
async function atRate(perSecond: number, seconds: number, once: () => Promise<void>): Promise<number> {
  const began = performance.now()
  const open = new Set<Promise<void>>()
  let sent = 0
  for (const most = Math.ceil(perSecond * seconds); sent < most; ) {
    const due = Math.min(most, Math.floor(((performance.now() - began) / 1_000) * perSecond))
    for (; sent < due; sent += 1) {
      const one = once()
      open.add(one)
      void one.finally(() => open.delete(one))
    }
    await wait(2)
  }
  await Promise.all(open)
  return sent
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
/** Of the issuer, as far as it says so itself, by a key that the issuer does not have. */
const unknownToken = (issuer: string, audience: string): string =>
  `${part({ alg: 'RS256', kid: randomBytes(9).toString('hex') })}.${part({ iss: issuer, sub: randomBytes(6).toString('hex'), aud: audience, exp: Math.floor(Date.now() / 1000) + 300, iat: Math.floor(Date.now() / 1000) })}.${randomBytes(256).toString('base64url')}`

/** L12: everybody signs in at once, while somebody brings tokens of keys that nobody has, wherever tokens are taken from anybody. */
export async function storm({ corp, ci }: StormIssuers, { url, mcp, seconds, loginsPerSecond, unknownPerSecond }: StormOptions): Promise<StormReport> {
  const wrong: string[] = []
  let slowestLogin = 0
  let shed = 0
  const dispatcher = new Agent({ connections: 32 })
  const failed = (what: string) => (error: unknown) => void wrong.push(`${what}: ${String(error)} ${error instanceof Error ? String(error.cause ?? '') : ''}`.slice(0, 300))

  const signIn = async (): Promise<void> => {
    const began = performance.now()
    const { status, headers, text } = await createPersonBrowser().visit(`${url}/login`)
    if (status === 503 && headers.has('retry-after')) shed += 1
    else if (status !== 200 || !text.includes('You are signed in')) wrong.push(`a sign-in: ${status} ${text.replace(/[\s\S]*<h1>/, '').slice(0, 200)}`)
    slowestLogin = Math.max(slowestLogin, performance.now() - began)
  }
  let turn = 0
  const bringUnknown = async (): Promise<void> => {
    const isLogout = (turn += 1) % 4 === 0
    const { statusCode, body } = isLogout
      ? await request(`${url}/login/corp/backchannel-logout`, { dispatcher, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `logout_token=${unknownToken(corp.issuer, corp.client.id)}` })
      : await request(mcp, { dispatcher, method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${unknownToken(ci.issuer, mcp)}` }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' })
    await body.dump()
    if (statusCode !== (isLogout ? 400 : 401)) wrong.push(`a token of an unknown key: ${statusCode}`)
  }

  const [logins, unknown] = await Promise.all([
    atRate(loginsPerSecond, seconds, () => signIn().catch(failed('a sign-in'))),
    atRate(unknownPerSecond, seconds, () => bringUnknown().catch(failed('a token of an unknown key'))),
  ])
  await dispatcher.close()
  return { logins, shed, slowestLogin, unknown, wrong }
}
