import * as openid from 'openid-client'
import type { KnownActor } from '../model.ts'
import type { CredentialSettings } from '../upstream/credential-settings.ts'
import type { CredentialSource, Need } from '../upstream/credential.ts'
import { createHeldToken, type Asked } from './held-token.ts'
import type { CredentialParts, SubjectTokens } from './parts.ts'
import { createPersonal, onlyForPeople } from './per-person.ts'
import { createTokenEndpoint, GrantRefused } from './token-endpoint.ts'

type Settings<K extends CredentialSettings['kind']> = Extract<CredentialSettings, { kind: K }>

interface Target {
  readonly scope?: string | undefined
  readonly audience?: string | undefined
  readonly resource?: string | false | undefined
}
/** What the token shall be good for: the server, unless the settings say otherwise (RFC 8707 section 2). */
const targetOf = ({ scope, audience, resource }: Target, { url }: CredentialParts): Record<string, string> => ({
  ...(scope === undefined ? {} : { scope }),
  ...(audience === undefined ? {} : { audience }),
  ...(resource === false ? {} : { resource: resource ?? url }),
})

/** RFC 6749 section 4.4: the gateway asks for itself, one token for all callers. */
export function createClientCredentials(settings: Settings<'client_credentials'>, parts: CredentialParts): CredentialSource {
  const endpoint = createTokenEndpoint(settings, parts)
  const credential = createHeldToken({
    clock: parts.clock, also: endpoint.secrets,
    ask: async () => ({ token: await endpoint.ask((client) => openid.clientCredentialsGrant(client, targetOf(settings, parts))) }),
  })
  return { of: () => credential }
}

const signInAgain = ({ publicUrl, upstream }: CredentialParts): Need =>
  ({ code: 'sign_in_again', message: `${upstream} is called on your behalf, and your sign-in at this gateway is not good for that any more: sign in again at ${publicUrl}/login, then make the call again`, link: `${publicUrl}/login` })

const onlyPeople = ({ upstream }: CredentialParts): Need =>
  ({ code: 'sign_in_again', message: `${upstream} is called on behalf of a person: only people who signed in at this gateway can call it` })

const notGranted = ({ upstream }: CredentialParts, code: string): Need =>
  ({ code: 'not_granted', message: `the identity provider does not let the gateway call ${upstream} on your behalf (${code}): ask whoever administers it to grant that` })

/** A grant that takes somebody's own token. */
function onBehalf(settings: Settings<'token_exchange' | 'on_behalf_of'>, parts: CredentialParts, which: keyof SubjectTokens, parametersOf: (subject: string) => { readonly grant: string; readonly parameters: Record<string, string> }): CredentialSource {
  const endpoint = createTokenEndpoint(settings, parts)
  const held = createPersonal((actor: KnownActor) => {
    const ask = async (): Promise<Asked> => {
      const subject = (await parts.subjectTokenOf(actor))?.[which]
      if (subject === undefined) return { need: signInAgain(parts) }
      const { grant, parameters } = parametersOf(subject)
      try {
        return { token: await endpoint.ask((client) => openid.genericGrantRequest(client, grant, parameters)) }
      } catch (cause) {
        if (!(cause instanceof GrantRefused)) throw cause
        return { need: cause.code === 'invalid_grant' || cause.code === 'login_required' ? signInAgain(parts) : notGranted(parts, cause.code) }
      }
    }
    return createHeldToken({ clock: parts.clock, also: endpoint.secrets, ask })
  })
  return onlyForPeople(held, onlyPeople(parts))
}

const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`

/** RFC 8693 section 2.1. */
export const createTokenExchange = (settings: Settings<'token_exchange'>, parts: CredentialParts): CredentialSource =>
  onBehalf(settings, parts, settings.subject, (subject) => ({
    grant: 'urn:ietf:params:oauth:grant-type:token-exchange',
    parameters: { subject_token: subject, subject_token_type: tokenType(settings.subject), requested_token_type: tokenType('access_token'), ...targetOf(settings, parts) },
  }))

/** Microsoft identity platform, on-behalf-of flow: RFC 7523 with a word of its own. */
export const createOnBehalfOf = (settings: Settings<'on_behalf_of'>, parts: CredentialParts): CredentialSource =>
  onBehalf(settings, parts, 'access_token', (assertion) => ({
    grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    parameters: { assertion, requested_token_use: 'on_behalf_of', scope: settings.scope },
  }))
