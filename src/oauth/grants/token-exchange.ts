import { errors } from 'oidc-provider'
import type Provider from 'oidc-provider'
import type { Clock, JsonObject, KnownActor, Logger, Person } from '../../model.ts'
import { isSameAct, mayAct, mostActs, readActs, writeActs, type Act } from '../acting.ts'
import type { ConfiguredClient } from '../configured-clients.ts'
import { tokensIn } from '../own-tokens.ts'
import type { Resource, Resources } from '../resources.ts'

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const actorTypes: readonly unknown[] = [accessToken, 'urn:ietf:params:oauth:token-type:jwt']
const largest = 16 * 1024

export type Workload = { readonly ok: true; readonly actor: KnownActor; /** Milliseconds since the epoch. */ readonly expires_at: number } | { readonly ok: false; readonly message: string }
/** Who a token of a configured issuer speaks for that is meant for the gateway itself. */
export type VerifyWorkload = (token: string) => Promise<Workload>
/** An access token of the gateway's own, everything of it verified, and the person who is behind it now. */
export interface Subject {
  readonly claims: JsonObject
  readonly person: Person
}
export interface TokenExchangeParts {
  readonly clients: ReadonlyMap<string, ConfiguredClient>
  readonly resources: Resources
  readonly describe: (resource: Resource) => object
  readonly subjectOf: (token: string) => Promise<Subject | undefined>
  readonly workload: VerifyWorkload
  readonly clock: Clock
  readonly logger: Logger
}

/** RFC 8693 section 2.2.2: whatever is wrong with what was shown is an invalid request. */
type Refuse = (why: string, error?: Error) => never
type Params = Readonly<Record<string, unknown>>

/** An agent that has a person's token gets one that names both (RFC 8693 section 1.1, delegation): for the same server, with no more scopes, and for no longer. */
export function addTokenExchange(provider: Provider, parts: TokenExchangeParts & { readonly longest: number }): void {
  const { resources, describe, clock, logger } = parts

  provider.registerGrantType(tokenExchange, async (context) => {
    const { client, params } = context.oidc
    const refuse: Refuse = (why, error = new errors.InvalidRequest(why)) => {
      logger.warn('an agent was not let act for somebody', { client: client.clientId, why })
      throw error
    }
    checkTypes(params, refuse)
    const { claims, person, acts } = await readSubject(params['subject_token'], refuse)
    const resource = resources.find(claims['aud'])
    if (resource?.upstream === undefined) return refuse('the subject token is not for an MCP server here')
    if (!isFor(resource, params)) return refuse('the subject token is for another resource', new errors.InvalidTarget('the new token is for what the subject token is for, and for nothing else'))
    const { act, until } = await readAgent(client.clientId, params['actor_token'], refuse)
    if (!mayAct(parts.clients.get(client.clientId), act, person)) return refuse('the client may not act for this person')
    if (acts.length >= mostActs) return refuse(`${mostActs} already act for each other`)
    if (acts.some((one) => isSameAct(one, act)) || (act.iss === person.issuer && act.sub === person.subject)) return refuse('nobody acts for themselves')

    const now = Math.floor(clock() / 1000)
    const exp = Math.min(Number(claims['exp']), now + Math.floor(parts.longest / 1000), Math.floor(until / 1000))
    if (exp <= now) return refuse('what was shown has expired')
    const scope = scopesFor(resource, claims['scope'], params['scope'])
    const token = new provider.AccessToken({ accountId: claims['sub'], client, grantId: claims['grant_id'], gty: 'token_exchange', scope, exp, resourceServer: new provider.ResourceServer(resource.uri, describe(resource)) })
    // The person's own token ends with its consent; one that was exchanged can be given back by itself.
    const cameOf = acts.length === 0 ? [] : [...tokensIn(claims['came_of']), String(claims['jti'])]
    Object.assign(token, { acting: { act: writeActs([act, ...acts]), ...(cameOf.length === 0 ? {} : { came_of: cameOf }) } })
    context.oidc.entity('AccessToken', token)
    context.body = { access_token: await token.save(), issued_token_type: accessToken, expires_in: exp - now, token_type: 'Bearer', scope }
    logger.info('an agent was let act for somebody', { client: client.clientId, agent: act, account: claims['sub'], resource: resource.uri, scopes: scope.split(' ') })
  }, ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'resource', 'audience', 'scope'])

  async function readSubject(given: unknown, refuse: Refuse) {
    const subject = isToken(given) ? await parts.subjectOf(given) : undefined
    const acts = readActs(subject?.claims['act'])
    return subject === undefined || acts === undefined ? refuse('the subject token is not that of a person from this gateway, or what it stands on has ended') : { ...subject, acts }
  }

  /** The client itself, or the program whose token it brings; neither a person nor somebody who acts for another. */
  async function readAgent(client: string, given: unknown, refuse: Refuse): Promise<{ readonly act: Act; readonly until: number }> {
    if (given === undefined) return { act: { sub: client }, until: Infinity }
    const shown = isToken(given) ? await parts.workload(given) : { ok: false as const, message: 'it is too long' }
    if (!shown.ok) return refuse(`the actor token is not good: ${shown.message}`)
    const { kind, issuer, subject, acting_for } = shown.actor
    if (kind === 'person' || acting_for !== undefined) return refuse('the actor token is not that of a program which acts for itself')
    return { act: { sub: subject, iss: issuer, client_id: client }, until: shown.expires_at }
  }
}

/** RFC 8693 section 2.1. */
function checkTypes(params: Params, refuse: Refuse): void {
  const { subject_token_type: subject, requested_token_type: requested, actor_token: actor, actor_token_type: actorType } = params
  if (subject !== accessToken) refuse(`subject_token_type must be ${accessToken}`)
  if (requested !== undefined && requested !== accessToken) refuse('only access tokens are given out')
  if ((actor === undefined) !== (actorType === undefined)) refuse('actor_token and actor_token_type go together')
  if (actorType !== undefined && !actorTypes.includes(actorType)) refuse('actor_token_type must be that of a JWT or an access token')
}

const isToken = (value: unknown): value is string => typeof value === 'string' && value.length <= largest
const isFor = ({ uri }: Resource, { resource, audience }: Params): boolean => [resource, audience].every((one) => one === undefined || one === uri || one === `${uri}/`)
/** What is asked for, as far as the subject token goes; all of that where nothing is asked for. */
function scopesFor({ scopes }: Resource, granted: unknown, asked: unknown): string {
  const [most, wanted] = [wordsOf(granted), wordsOf(asked ?? granted)]
  return scopes.filter((one, index) => index === 0 || (most.includes(one) && wanted.includes(one))).join(' ')
}
const wordsOf = (value: unknown): readonly string[] => (typeof value === 'string' ? value.split(' ') : [])
