import { decodeJwt, decodeProtectedHeader, jwtVerify, type CryptoKey, type JWTPayload } from 'jose'
import { errors } from 'oidc-provider'
import type Provider from 'oidc-provider'
import type { AccountId } from '../../account.ts'
import { isSubject } from '../../claims.ts'
import type { Kept } from '../../kept.ts'
import type { Clock } from '../../model.ts'
import type { Resource, Resources } from '../resources.ts'

/** What is relied on of an assertion, every claim of it verified. */
type Said = JWTPayload & Required<Pick<JWTPayload, 'iss' | 'sub' | 'jti' | 'exp'>>

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const type = 'oauth-id-jag+jwt'
const skew = 30
const longest = 60 * 60_000
const largest = 16 * 1024

export interface Signs {
  readonly keys: readonly CryptoKey[]
  readonly algorithms: readonly string[]
}
/** Identity providers whose word is taken for who somebody is, and those whom it can be about. */
export interface Vouching {
  /** How an issuer signs, and by which key it may have been; undefined where the issuer is not trusted. */
  signs(issuer: string, token: string): Promise<Signs | undefined>
  /** The account of somebody as the issuer knows them. */
  find(who: { readonly issuer: string; readonly subject: string }): Promise<{ readonly id: AccountId } | undefined>
}
export interface IdJagParts {
  readonly issuer: string
  readonly vouching: Vouching
  readonly resources: Resources
  readonly describe: (resource: Resource) => object
  readonly kept: Kept
  readonly clock: Clock
  readonly refused: (client: string, why: string) => void
}

/** A provider of the company says by a signed assertion for whom a client may come (MCP enterprise-managed authorization; RFC 7523 section 2.1). */
export function addIdJag(provider: Provider, parts: IdJagParts): void {
  const { issuer: own, vouching, resources, kept, clock } = parts

  provider.registerGrantType(jwtBearer, async (context) => {
    const { client, params } = context.oidc
    const refuse = (why: string): never => {
      parts.refused(client.clientId, why)
      throw new errors.InvalidGrant(why)
    }
    const said = await verify(params['assertion'], client.clientId, refuse)
    const resource = resources.find(onlyOne(said['resource']))
    if (resource === undefined || (params['resource'] !== undefined && resources.find(params['resource']) !== resource)) throw new errors.InvalidTarget('the assertion is not for that resource, or there is no such resource here')
    const account = await vouching.find({ issuer: said.iss, subject: said.sub })
    if (account === undefined) return refuse('nobody whom it could be about has signed in here')
    if (!(await kept.add('oauth:id-jag', JSON.stringify([said.iss, said.jti]), {}, { expiresAt: (said.exp + 2 * skew) * 1000 }))) return refuse('it was used before')

    const scope = scopesFor(resource, said['scope'], params['scope'])
    const grant = new provider.Grant({ accountId: account.id, clientId: client.clientId })
    grant.addResourceScope(resource.uri, scope)
    const token = new provider.AccessToken({ accountId: account.id, client, grantId: await grant.save(), gty: 'id_jag', scope, resourceServer: new provider.ResourceServer(resource.uri, parts.describe(resource)) })
    context.oidc.entity('AccessToken', token)
    context.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer', scope }
  }, ['assertion', 'scope', 'resource'])

  async function verify(assertion: unknown, client: string, refuse: (why: string) => never): Promise<Said> {
    if (typeof assertion !== 'string' || assertion.length > largest) return refuse('there is none, or it is too long')
    const issuer = claimedIssuer(assertion)
    // Unverified: it only chooses whose keys are tried, and is compared again below.
    const signs = issuer === undefined ? undefined : await vouching.signs(issuer, assertion)
    if (issuer === undefined || signs === undefined) return refuse('it is not of an issuer that is trusted, or its type is another')
    const payload = await firstVerified(assertion, signs, issuer)
    if (payload === undefined) return refuse('its signature, type, audience or times are not right, or something is missing in it')
    const { sub, jti, exp, aud } = payload
    if (Array.isArray(aud) && aud.length > 1) return refuse('it is meant for several')
    if (typeof exp !== 'number' || exp * 1000 > clock() + longest) return refuse('it is good for longer than an hour')
    if (!isSubject(sub) || typeof jti !== 'string' || jti === '') return refuse('it names nobody, or has no id')
    if (payload['client_id'] !== client) return refuse('it was given to another client')
    // Bound to a key whose proof is not asked for here (RFC 7800), or about somebody who acts for another (RFC 8693).
    if (Object.hasOwn(payload, 'cnf') || Object.hasOwn(payload, 'act')) return refuse('it says more than can be kept to here')
    return { ...payload, iss: issuer, sub, jti, exp }
  }

  async function firstVerified(assertion: string, { keys, algorithms }: Signs, issuer: string): Promise<JWTPayload | undefined> {
    for (const key of keys) {
      const options = { issuer, audience: [own, `${own}/`], algorithms: [...algorithms], typ: type, clockTolerance: skew, currentDate: new Date(clock()), requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'resource'], maxTokenAge: longest / 1000 }
      const verified = await jwtVerify(assertion, key, options).catch(() => undefined)
      if (verified !== undefined) return verified.payload
    }
    return undefined
  }
}

function claimedIssuer(assertion: string): string | undefined {
  try {
    return decodeProtectedHeader(assertion).typ === type ? decodeJwt(assertion).iss : undefined
  } catch {
    return undefined
  }
}

const onlyOne = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value)
const wordsOf = (value: unknown): readonly string[] => (typeof value === 'string' ? value.split(' ') : [])
/** What is asked for, as far as the assertion goes; all that it names where nothing is asked for. */
function scopesFor({ scopes }: Resource, granted: unknown, asked: unknown): string {
  const [most, wanted] = [wordsOf(granted), wordsOf(asked ?? granted)]
  return scopes.filter((one, index) => index === 0 || (most.includes(one) && wanted.includes(one))).join(' ')
}
