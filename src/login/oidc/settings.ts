import { z } from 'zod'
import { group, name, secret, text, url } from '../../fields.ts'
import { isConfidential } from '../../loopback.ts'
import { presetNames } from './presets.ts'

/** Signatures that only the provider can make. Never `none`, and never HS*: there the client's secret would sign. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const
const clientAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const

const issuer = url('the issuer as it stands in its tokens: an https URL without query and fragment')
  .refine((value) => !value.includes('?') && (!URL.canParse(value) || isConfidential(new URL(value))), { error: 'the issuer as it stands in its tokens: an https URL (or http on loopback) without query and fragment' })
const claim = () => text('the name of a claim, or names joined by dots')
const scope = z.string({ error: 'a scope' }).regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'a scope: visible ASCII without blanks, quotes and backslashes' })

const trustedGroups = () => z.union([z.literal('all'), z.array(group(), { error: '`all`, or a list of group names' }).readonly()], { error: '`all`, or a list of group names' })

/** What OIDC and SAML providers have in common. */
export const common = {
  name: name('the name of a provider').meta({ description: 'The name by which policies know the provider; it is part of the addresses that are registered there.' }),
  title: text('what the button says').optional().meta({ description: 'What people read on the button of this provider. Default: its name, or that of its preset.' }),
  trusted_groups: trustedGroups().optional().meta({ title: '`all`, or list of: the name of a group', description: 'Groups of this provider that policies and roles see by their own name; every other one is seen as `<name>:<group>`. Default: `all` where there is one provider; where there are several, each must say.' }),
}

export const oidcSettings = z.strictObject({
  kind: z.literal('oidc'),
  ...common,
  preset: z.enum(presetNames, { error: `one of ${presetNames.join(', ')}` }).optional().meta({ description: 'Fills in what this provider documents of itself; whatever is written here goes before.' }),
  issuer: issuer.meta({ description: 'Its issuer, compared character by character; everything else is discovered there.' }),
  client_id: text('the id under which the gateway is registered there').meta({ description: 'The id under which the gateway is registered there.' }),
  client_secret_from: secret().optional().meta({ description: 'The secret of that client.' }),
  client_secret_method: z.enum(['basic', 'post'], { error: 'basic or post' }).optional().meta({ description: 'How the secret is sent: `basic` in a header, `post` in the form. Default: as the preset says, else `basic`.' }),
  private_key_from: secret().optional().meta({ description: 'In place of a secret: the key, as PEM without a passphrase, with which the gateway signs who it is (`private_key_jwt`).' }),
  private_key_algorithm: z.enum(clientAlgorithms, { error: `one of ${clientAlgorithms.join(', ')}` }).optional().meta({ description: 'How that key signs. Default: `ES256`, `EdDSA` or `RS256`, by its kind.' }),
  private_key_id: text('the id of the key').optional().meta({ description: 'The id (`kid`) under which the provider knows that key.' }),
  algorithms: z.array(z.enum(algorithms, { error: `one of ${algorithms.join(', ')}` }), { error: 'a list of algorithms' }).min(1, { error: 'at least one algorithm' }).readonly()
    .default(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']).meta({ description: 'The signatures that its ID tokens and logout tokens may have.' }),
  scopes: z.array(scope, { error: 'a list of scopes' }).readonly().refine((scopes) => scopes.includes('openid'), { error: 'a list with `openid`' }).optional()
    .meta({ description: 'What is asked for. Default: `openid`, `profile`, `email`, and what the preset adds.' }),
  claims: z.strictObject({
    groups: claim().optional().meta({ description: 'The claim that lists the groups. Default: `groups`, or as the preset says. Where it is absent from what the provider sends, the groups are unknown.' }),
    email: claim().default('email').meta({ description: 'The claim with the mail address; taken only where the provider says that it is verified.' }),
  }).prefault({}),
  userinfo: z.boolean({ error: 'true or false' }).default(false).meta({ description: 'Whether what the ID token lacks is looked for at the UserInfo endpoint.' }),
  require: z.strictObject({
    acr: z.array(text(), { error: 'a list of values' }).min(1, { error: 'at least one value' }).readonly().optional().meta({ description: 'The ID token must bear one of these `acr`; they are asked for.' }),
    amr: z.array(text(), { error: 'a list of values' }).min(1, { error: 'at least one value' }).readonly().optional().meta({ description: 'The ID token must bear all of these `amr`, such as `mfa`.' }),
  }).prefault({}),
  domain: text('a domain, or `any`').optional().meta({ description: '(preset `google`; needed there) Only people of this Google Workspace domain (`hd`); `any` lets everybody with a Google account sign in.' }),
}).superRefine((given, context) => {
  const wrong = (path: string, message: string, found: unknown): void => context.addIssue({ code: 'custom', path: [path], input: found, message })
  if ((given.client_secret_from === undefined) === (given.private_key_from === undefined)) wrong('client_secret_from', 'exactly one of client_secret_from and private_key_from', given.client_secret_from)
  if (given.preset === 'google' && given.domain === undefined) wrong('domain', 'the Google Workspace domain whose people may sign in, or `any`', undefined)
  if (given.preset !== 'google' && given.domain !== undefined) wrong('domain', 'nothing: only the preset google has it', given.domain)
  if (given.preset === 'entra' && /\/(?:common|organizations|consumers|\{tenantid\})(?:\/|$)/i.test(given.issuer)) wrong('issuer', 'the issuer of one tenant, https://login.microsoftonline.com/<tenant id>/v2.0; people of several tenants sign in by a provider for each', given.issuer)
})

export type OidcSettings = z.output<typeof oidcSettings>
