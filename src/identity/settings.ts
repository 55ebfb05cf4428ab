import { z } from 'zod'
import { isConfidential } from '../loopback.ts'
import { missingOwner, wantedClaim } from './conditions.ts'
import { duration, group, name, path, text, url } from '../fields.ts'

/** Signatures that only the issuer can make. Never `none`, and never HS*: there a public key would serve as the shared one. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const

/** A claim, or the way to one through objects: `realm_access.roles`. A claim whose own name has dots is found first. */
const claim = () => text('the name of a claim, or names joined by dots')

const issuerUrl = url('the issuer as it stands in the token: an http or https URL without query and fragment')
  .refine(value => !value.includes('?'), { error: 'the issuer as it stands in the token: an http or https URL without query and fragment' })

// Whoever is in between could hand out keys.
const confidential = [(value: string) => !URL.canParse(value) || isConfidential(new URL(value)), { error: 'https, or a loopback address' }] as const

const jwks = z.union([
  z.strictObject({ file: path('a JSON Web Key Set').meta({ description: 'A file with its public keys; it is read again when a key is missing in it.' }) }),
  z.strictObject({ url: url().refine(...confidential).meta({ description: 'The address of its public keys.' }) }),
], { error: 'one of { file: PATH }, { url: URL }, or nothing for discovery' })

export const issuerSettings = z.strictObject({
  name: name('the name of an issuer').meta({ description: 'The name by which policies and groups know the issuer.' }),
  issuer: issuerUrl.refine(...confidential).meta({ description: 'The `iss` of its tokens, compared character by character.' }),
  jwks: jwks.optional().meta({ description: 'Where its keys are. Without it they are discovered from the issuer\'s own metadata.' }),
  algorithms: z.array(z.enum(algorithms, { error: `one of ${algorithms.join(', ')}` }), { error: 'a list of algorithms' }).min(1, { error: 'at least one algorithm' }).readonly()
    .default(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']).meta({ description: 'The signatures accepted.' }),
  audience: text('the audience of its tokens').refine(value => value.trim() === value && value !== '*', { error: 'one exact audience' }).optional()
    .meta({ description: 'Accepted in place of the address that is called. Without it a token is good only for the one upstream, or the API, that it names. With it a token is good for every upstream and for the API.' }),
  kind: z.enum(['service', 'person', 'agent'], { error: 'service, person or agent' }).default('service').meta({ description: 'Whom its tokens speak for. Only a person can review.' }),
  claims: z.strictObject({
    groups: claim().default('groups').meta({ description: 'The claim that lists the groups.' }),
    email: claim().default('email').meta({ description: 'The claim with the mail address; taken only where `email_verified` is true.' }),
    subject: claim().optional().meta({ description: 'The claim that names the caller in place of `sub`; it must be one that nobody else at the issuer can have.' }),
  }).prefault({}),
  require: z.record(claim(), z.union([wantedClaim, z.array(wantedClaim).min(1, { error: 'at least one value' }).readonly()], { error: 'a text, or a list of texts of which one must fit' }), { error: 'claims with the texts that they must hold' }).optional()
    .meta({ description: 'What its tokens must say beside: each claim must be there and fit a text, or one of a list of texts. `*` stands for any characters.' }),
  trusted_groups: z.array(group().refine(value => value !== '*', { error: 'the names of the groups; there is no "all"' }), { error: 'a list of group names' }).readonly().default([])
    .meta({ description: 'Groups of this issuer that policies and roles see by their own name; every other one is seen as `<name>:<group>`.' }),
  trust_unverified_email: z.boolean({ error: 'true or false' }).default(false)
    .meta({ description: 'Weakens safety: takes the mail address although the issuer does not say that it is verified.' }),
  skew: duration('0s', '60s').prefault('30s').meta({ description: 'How far its clock may be off.' }),
}).superRefine(({ issuer, require }, context) => {
  const problem = missingOwner(issuer, require ?? {})
  if (problem !== undefined) context.addIssue({ code: 'custom', path: ['require'], input: require, message: problem })
})

/** Part of `identity`. */
export const bearerSettings = {
  issuers: z.array(issuerSettings, { error: 'a list of issuers' }).default([]).meta({ description: 'Whose bearer tokens are accepted.' }),
}

export type IssuerSettings = z.output<typeof issuerSettings>

const odd = /^(?:oct|.*private)$/i
export const publicKey = z.looseObject({ kty: z.string() })
  .refine(key => !odd.test(key.kty), { error: 'public keys only: a symmetric key would let everybody who verifies also sign' })
  .refine(key => !Object.hasOwn(key, 'd') && !Object.hasOwn(key, 'k'), { error: 'public keys only: this file holds a private one' })
  .refine(key => key.kty !== 'RSA' || (typeof key.n === 'string' && key.n.length * 6 >= 2048), { error: 'RSA keys of at least 2048 bits' })

/** A JSON Web Key Set (RFC 7517 section 5) as it may be given for an issuer. */
export const keySet = z.looseObject({ keys: z.array(publicKey, { error: 'keys: a list of keys' }).min(1, { error: 'at least one key' }) }, { error: 'a JSON Web Key Set' })
