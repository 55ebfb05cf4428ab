import * as openid from 'openid-client'
import { isConfidential } from '../../loopback.ts'
import { commandClient } from '../../oauth/command-client.ts'
import { whyUnreached } from '../unreached.ts'
import { hasScreen, openBrowser } from './browser.ts'
import type { KeptTokens } from './kept-tokens.ts'
import { listenOnce } from './loopback.ts'
import type { Environment } from './places.ts'

export type Client = openid.Configuration

/** Why nobody can sign in, or go on, in words for the terminal. `isOver` where only signing in anew helps. */
export class SignInFailed extends Error {
  readonly isOver: boolean

  constructor(message: string, { isOver = false, cause }: { readonly isOver?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause })
    this.isOver = isOver
  }
}

export interface SigningIn {
  readonly client: Client
  readonly resource: string
  readonly scope?: string | undefined
  /** By a code that is typed in somewhere else. */
  readonly isByDevice: boolean
  readonly env: Environment
  /** Tells the person what to do. */
  readonly tell: (text: string) => void
  readonly signal?: AbortSignal | undefined
}

const within = 10
const personMayTake = 10 * 60_000

const reasonOf = (fault: unknown): string => {
  if (fault instanceof openid.ResponseBodyError || fault instanceof openid.AuthorizationResponseError) return fault.error_description ?? fault.error
  return whyUnreached(fault)
}

/** What the gateway says of itself: RFC 8414, and it must call itself what it was called. */
export async function findGateway(gateway: string): Promise<Client> {
  try {
    const url = new URL(gateway)
    const client = await openid.discovery(url, commandClient.client_id, undefined, openid.None(), {
      algorithm: 'oauth2', timeout: within, ...(url.protocol === 'http:' && isConfidential(url) ? { execute: [openid.allowInsecureRequests] } : {}),
    })
    return client
  } catch (fault) {
    const said = fault instanceof Error && fault.cause instanceof Response ? fault.cause.status : undefined
    if (said !== undefined && [404, 405, 410].includes(said)) throw new SignInFailed(`nobody can sign in at ${gateway}: it is no gateway, or has no identity.providers. A token of another issuer goes into SALLYPORT_TOKEN`, { cause: fault })
    const calls = issuerIn(fault)
    if (calls !== undefined) throw new SignInFailed(`the gateway at ${gateway} calls itself ${calls}: use that address`, { cause: fault })
    throw new SignInFailed(`the gateway at ${gateway} could not be asked how to sign in: ${reasonOf(fault)}`, { cause: fault })
  }
}

const issuerIn = (fault: unknown): string | undefined => {
  const body = fault instanceof Error ? (fault.cause as { readonly body?: { readonly issuer?: unknown } } | undefined)?.body : undefined
  return typeof body?.issuer === 'string' && URL.canParse(body.issuer) ? new URL(body.issuer).origin : undefined
}

const keptOf = (granted: openid.TokenEndpointResponse): KeptTokens => ({
  access_token: granted.access_token,
  ...(granted.refresh_token === undefined ? {} : { refresh_token: granted.refresh_token }),
  ...(granted.scope === undefined ? {} : { scope: granted.scope }),
  expires_at: Date.now() + (granted.expires_in ?? 60) * 1000,
})

/** A person says who they are and lets the command act for them, for one resource. */
export async function signIn(asked: SigningIn): Promise<KeptTokens> {
  const hasDevice = asked.client.serverMetadata().device_authorization_endpoint !== undefined
  if (asked.isByDevice && !hasDevice) throw new SignInFailed('this gateway has no sign-in by a code; leave --device out')
  try {
    return keptOf(await (asked.isByDevice || (hasDevice && !hasScreen(asked.env)) ? byDevice(asked) : byBrowser(asked)))
  } catch (fault) {
    if (fault instanceof SignInFailed) throw fault
    if (asked.signal?.aborted === true) throw new SignInFailed('nobody signed in: it was ended before', { cause: fault })
    throw new SignInFailed(`nobody signed in: ${reasonOf(fault)}`, { cause: fault })
  }
}

/** RFC 8252, RFC 7636, RFC 9207. */
async function byBrowser({ client, resource, scope, env, tell, signal }: SigningIn): Promise<openid.TokenEndpointResponse> {
  const [state, verifier] = [openid.randomState(), openid.randomPKCECodeVerifier()]
  const waiting = await listenOnce(state)
  const late = AbortSignal.any([AbortSignal.timeout(personMayTake), ...(signal === undefined ? [] : [signal])])
  try {
    const url = openid.buildAuthorizationUrl(client, {
      redirect_uri: waiting.redirectUri, resource, state, code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...(scope === undefined ? {} : { scope }),
    })
    if (!isConfidential(url)) throw new SignInFailed(`the gateway sends people to ${url.origin}, which is neither https nor this machine`)
    const isOpen = hasScreen(env) && (await openBrowser(url, env))
    tell(isOpen ? `Sign in in the browser that has opened. If none has, open this:\n  ${url.href}` : `Open this in a browser on this computer:\n  ${url.href}`)
    const back = await Promise.race([waiting.back, new Promise<never>((_, reject) => late.addEventListener('abort', () => reject(new SignInFailed('nobody signed in: it took too long')), { once: true }))])
    return await openid.authorizationCodeGrant(client, back, { expectedState: state, pkceCodeVerifier: verifier }, { resource })
  } finally {
    waiting.close()
  }
}

/** RFC 8628: on whatever machine has a browser. */
async function byDevice({ client, resource, scope, tell, signal }: SigningIn): Promise<openid.TokenEndpointResponse> {
  const begun = await openid.initiateDeviceAuthorization(client, { resource, ...(scope === undefined ? {} : { scope }) })
  const url = URL.parse(begun.verification_uri_complete ?? begun.verification_uri)
  if (url === null || !isConfidential(url)) throw new SignInFailed('the gateway names no good address to type the code in')
  tell(`Open this in any browser, and see that it shows the code ${begun.user_code}:\n  ${url.href}`)
  const late = AbortSignal.any([AbortSignal.timeout(personMayTake), ...(signal === undefined ? [] : [signal])])
  return openid.pollDeviceAuthorizationGrant(client, begun, { resource }, { signal: late })
}

export async function renew(client: Client, refreshToken: string, resource: string): Promise<KeptTokens> {
  try {
    return keptOf(await openid.refreshTokenGrant(client, refreshToken, { resource }))
  } catch (fault) {
    // RFC 6749 section 5.2: it is used up, ended or forgotten. Anything else may pass.
    const isOver = fault instanceof openid.ResponseBodyError && ['invalid_grant', 'invalid_client', 'unauthorized_client', 'invalid_target', 'invalid_scope'].includes(fault.error)
    throw new SignInFailed(isOver ? 'what you signed in for has ended' : `the gateway could not be asked for a new token: ${reasonOf(fault)}`, { isOver, cause: fault })
  }
}

/** Everything that came of the same yes ends with it. */
export const revoke = (client: Client, token: string): Promise<void> => openid.tokenRevocation(client, token)
