import { SAML, Strategy, ValidateInResponseTo, type Profile, type SamlConfig, type VerifiedCallback } from '@node-saml/passport-saml'
import { randomBytes } from 'node:crypto'
import { Passport, type Strategy as PassportStrategy } from 'passport'
import type { Idp } from './metadata.ts'
import { nameIdFormats } from './names.ts'
import { presetOf } from './person.ts'
import type { SamlSettings } from './settings.ts'

/** The gateway as a provider knows it. */
export interface Own {
  readonly entityId: string
  readonly acs: string
  readonly slo: string
  /** As PEM. */
  readonly signKey?: string
  readonly decryptionKey?: string
}

/** SAML core 1.3.4: 160 bits by chance, in a form that XML takes for an id. */
export const newId = (): string => `_${randomBytes(20).toString('hex')}`

/** What was asked is kept elsewhere, where every process finds it. */
const knows = (request?: string): NonNullable<SamlConfig['cacheProvider']> => ({
  saveAsync: async () => null,
  getAsync: async (id) => (id === request ? new Date().toISOString() : null),
  removeAsync: async () => null,
})

const optionsOf = (own: Own, idp: Idp, settings: SamlSettings): SamlConfig => ({
  issuer: own.entityId, audience: own.entityId, callbackUrl: own.acs, logoutCallbackUrl: own.slo,
  idpCert: [...idp.certificates], idpIssuer: idp.issuer, entryPoint: idp.entryPoint, ...(idp.logout === undefined ? {} : { logoutUrl: idp.logout.requests }),
  ...(own.signKey === undefined ? {} : { privateKey: own.signKey }), ...(own.decryptionKey === undefined ? {} : { decryptionPvk: own.decryptionKey }),
  signatureAlgorithm: 'sha256', digestAlgorithm: 'sha256', acceptedClockSkewMs: settings.skew, cacheProvider: knows(),
})

/** Where the browser goes with the request of that id. */
export function requestUrl(own: Own, idp: Idp, settings: SamlSettings, { id, relay, force, contexts }: { readonly id: string; readonly relay: string; readonly force: boolean; readonly contexts: readonly string[] }): Promise<string> {
  const { nameId } = presetOf(settings)
  const saml = new SAML({
    ...optionsOf(own, idp, settings), generateUniqueId: () => id, forceAuthn: force, identifierFormat: nameId === 'any' ? null : nameIdFormats[nameId],
    disableRequestedAuthnContext: contexts.length === 0, authnContext: [...contexts],
  })
  return saml.getAuthorizeUrlAsync(relay, undefined, {})
}

/** Where the browser goes to sign out at the provider too. */
export function logoutRequestUrl(own: Own, idp: Idp, settings: SamlSettings, { id, nameId, format, session }: { readonly id: string; readonly nameId: string; readonly format: string; readonly session?: string }): Promise<string> {
  const saml = new SAML({ ...optionsOf(own, idp, settings), generateUniqueId: () => id })
  return saml.getLogoutUrlAsync({ issuer: idp.issuer, nameID: nameId, nameIDFormat: format, ...(session === undefined ? {} : { sessionIndex: session }) }, '', {})
}

/** Where the browser brings the answer to the provider's logout request of that id. */
export function logoutResponseUrl(own: Own, idp: Idp, settings: SamlSettings, { request, relay }: { readonly request: string; readonly relay: string }): Promise<string> {
  const saml = new SAML({ ...optionsOf(own, idp, settings), generateUniqueId: newId, ...(idp.logout === undefined ? {} : { logoutUrl: idp.logout.responses }) })
  // Of the profile only its ID goes into the answer.
  return saml.getLogoutResponseUrlAsync({ ID: request } as unknown as Profile, relay, {}, true)
}

export interface Second {
  readonly nameId: string | undefined
  readonly issuer: string | undefined
}

/** What passport and its strategy make of the response; rejects where they refuse it. They read XML by other readers than the gateway's own checks. */
export function readByLibrary(own: Own, idp: Idp, settings: SamlSettings, { text, request, signed }: { readonly text: string; readonly request: string; readonly signed: { readonly response: boolean; readonly assertion: boolean } }): Promise<Second> {
  const options: SamlConfig = {
    ...optionsOf(own, idp, settings), cacheProvider: knows(request), validateInResponseTo: ValidateInResponseTo.always,
    wantAuthnResponseSigned: signed.response, wantAssertionsSigned: signed.assertion,
  }
  const strategy = new Strategy(options, (profile: Profile | null, done: VerifiedCallback) => done(null, { ...profile }), (_profile: Profile | null, done: VerifiedCallback) => done(new Error('a logout where a sign-in was to be')))
  return new Promise((settle, fail) => {
    // The strategy is typed after another version of Express, which is not used here.
    const authenticate = new Passport().authenticate(strategy as unknown as PassportStrategy, { session: false }, (error: unknown, profile: Partial<Profile> | false | undefined) => {
      if (error !== null && error !== undefined) return fail(error)
      if (typeof profile !== 'object') return fail(new Error('nobody is in it'))
      settle({ nameId: profile.nameID, issuer: profile.issuer })
    }) as (request: object, response: object, next: (error?: unknown) => void) => void
    authenticate({ body: { SAMLResponse: Buffer.from(text).toString('base64') }, query: {}, headers: {}, url: '/' }, {}, (error) => fail(error ?? new Error('nothing was read')))
  })
}
