import { z } from 'zod'
import { duration, path, secret, text, url } from '../../fields.ts'
import { isConfidential } from '../../loopback.ts'
import { common } from '../oidc/settings.ts'
import { samlPresetNames } from './presets.ts'

const confidentialUrl = (what: string) => url(what).refine((value) => !URL.canParse(value) || isConfidential(new URL(value)), { error: 'https, or a loopback address' })
const certificateFile = (what: string) => z.strictObject({ file: path(what) }, { error: '{ file: PATH }' })
const attribute = () => text('the name of an attribute, as it stands in the assertion')
const entity = () => text('an entity id').max(1024, { error: 'an entity id of at most 1024 characters' }).refine((value) => value.trim() === value, { error: 'an entity id without blanks around it' })

const metadata = z.union([
  z.strictObject({ url: confidentialUrl('the address of the metadata'), certificate: certificateFile('a certificate').optional() }),
  z.strictObject({ file: path('the metadata'), certificate: certificateFile('a certificate').optional() }),
], { error: 'one of { url: URL } and { file: PATH }, and with it certificate: { file: PATH } if its signature is to be verified' })

const keyPair = () => z.strictObject({
  key_from: secret().meta({ description: 'The private key (RSA), as PEM without a passphrase.' }),
  certificate: certificateFile('its certificate').meta({ description: 'Its certificate, which the metadata of the gateway shows to the provider.' }),
})

const nameIds = ['persistent', 'email', 'unspecified', 'any'] as const

export const samlSettings = z.strictObject({
  kind: z.literal('saml'),
  ...common,
  preset: z.enum(samlPresetNames, { error: `one of ${samlPresetNames.join(', ')}` }).optional().meta({ description: 'Fills in the names of attributes that this provider documents; whatever is written here goes before.' }),
  metadata: metadata.optional().meta({ title: '{ url: URL } or { file: PATH }, and certificate: { file: PATH }', description: 'The metadata of the identity provider: its name, addresses and certificates. Those at an address are read again every hour, and when a signature fits no certificate. With `certificate` they must be signed by it.' }),
  issuer: entity().optional().meta({ description: 'The entity id of the identity provider. Needed without `metadata`; with it, the metadata must have this one.' }),
  entry_point: confidentialUrl('the address at which it signs people in').optional().meta({ description: '(without metadata) The address at which it signs people in, for the HTTP-Redirect binding.' }),
  logout_point: confidentialUrl('the address at which it signs people out').optional().meta({ description: '(without metadata) The address at which it signs people out, for the HTTP-Redirect binding.' }),
  certificate: certificateFile('its certificates').optional().meta({ description: '(without metadata) The certificates, as PEM, with which it signs. Several may be in the file, while it changes from one to the other.' }),
  entity_id: entity().optional().meta({ description: 'The entity id of the gateway at this provider. Default: the address of its metadata, `<public_url>/saml/<name>/metadata`.' }),
  sign_requests: keyPair().optional().meta({ description: 'Signs what the gateway sends to the provider, by RSA and SHA-256. Signing out at the provider needs it.' }),
  decryption: keyPair().optional().meta({ description: 'Opens assertions that the provider encrypts for the gateway.' }),
  want: z.strictObject({
    signed: z.enum(['either', 'response', 'assertion'], { error: 'either, response or assertion' }).default('either')
      .meta({ description: 'What must be signed: the whole response, the assertion in it, or one of the two. Whatever bears a signature must bear a good one.' }),
  }).prefault({}),
  name_id: z.enum(nameIds, { error: `one of ${nameIds.join(', ')}` }).optional().meta({ description: 'The form of name that is asked for. Where it is `persistent` or `email`, a name of another form is refused; `unspecified` and `any` leave it to the provider, which must then not give two people the same name in two forms. Default: `persistent`, or as the preset says. A transient one is refused unless `attributes.subject` is given.' }),
  attributes: z.strictObject({
    groups: attribute().optional().meta({ description: 'The attribute that lists the groups. Default: `groups`, or as the preset says. Where it is absent, the groups are unknown.' }),
    email: attribute().optional().meta({ description: 'The attribute with the mail address. Default: `email`, or as the preset says.' }),
    name: attribute().optional().meta({ description: 'The attribute with the name that people read. Default: `name`, or as the preset says.' }),
    subject: attribute().optional().meta({ description: 'The attribute by which a person is known, in place of the NameID. It must never change and never be given to somebody else.' }),
  }).prefault({}),
  authn_context: z.array(text('the URI of an authentication context'), { error: 'a list of URIs' }).min(1, { error: 'at least one URI' }).readonly().optional()
    .meta({ description: 'The answer must bear one of these authentication contexts; they are asked for.' }),
  max_age: duration('1m', '90d').prefault('24h').meta({ description: 'How long ago a person may have proved who they are. Whose sign-in at the provider is older is sent back once to prove it again.' }),
  skew: duration('0s', '60s').prefault('30s').meta({ description: 'How far its clock may be off.' }),
}).superRefine((given, context) => {
  const wrong = (at: string, message: string, found?: unknown): void => context.addIssue({ code: 'custom', path: [at], input: found, message })
  if (given.metadata === undefined) {
    for (const key of ['issuer', 'entry_point', 'certificate'] as const) {
      if (given[key] === undefined) wrong(key, `${key}, or metadata in place of issuer, entry_point and certificate`)
    }
  } else {
    for (const key of ['entry_point', 'logout_point', 'certificate'] as const) {
      if (given[key] !== undefined) wrong(key, 'nothing: the metadata says it', given[key])
    }
  }
})

export type SamlSettings = z.output<typeof samlSettings>
