import { z } from 'zod'
import { duration, group, name, path, secret, text, url, whole } from '../fields.ts'
import { isConfidential } from '../loopback.ts'
import { commandClient } from './command-client.ts'
import { isRedirectable } from './redirects.ts'

const redirect = z.string({ error: 'a redirect URI' }).refine(isRedirectable, { error: 'an https URL, an http URL on loopback, or one of an app (com.example.app:/callback), without fragment' })

/** What a client may come for. The protocol has longer names for some. */
const grants = ['authorization_code', 'device_code', 'id_jag', 'client_credentials', 'token_exchange'] as const
export type ClientGrant = (typeof grants)[number]

// Whoever is in between could hand out keys.
const keysUrl = url().refine((value) => URL.parse(value) === null || isConfidential(new URL(value)), { error: 'https, or a loopback address' })

const clientSettings = z.strictObject({
  client_id: z.string({ error: 'the id of a client' }).regex(/^[A-Za-z0-9._~-]{1,128}$/, { error: 'the id of a client: letters, digits and . _ ~ -, at most 128' })
    // RFC 6749 section 10 and RFC 9700 section 4.15: a client must not be taken for somebody's account.
    .refine((value) => !/^(?:acc|reg)_/.test(value), { error: 'an id that does not begin with acc_ or reg_, which the gateway gives out itself' })
    .refine((id) => id !== commandClient.client_id, { error: `another id than ${commandClient.client_id}, which is the command's own` })
    .meta({ description: 'The `client_id` it brings.' }),
  name: text('a name that people know').meta({ description: 'What people who are asked for their consent are told.' }),
  grants: z.array(z.enum(grants, { error: `one of ${grants.join(', ')}` }), { error: 'a list of grants' }).min(1, { error: 'at least one grant' }).readonly().default(['authorization_code'])
    .meta({ description: 'How it gets tokens: `authorization_code` for people in a browser, `device_code` for people who type a code that it shows into a browser elsewhere, `id_jag` for people for whom a provider of `identity.id_jag` vouches, `client_credentials` for itself, as a service, `token_exchange` as an agent for a person whose token it has.' }),
  redirect_uris: z.array(redirect, { error: 'a list of redirect URIs' }).max(20, { error: 'at most 20 redirect URIs' }).readonly().default([])
    .meta({ description: 'Where people are sent back to, compared character by character; on loopback any port. Needed for `authorization_code`.' }),
  client_secret_from: secret().optional().meta({ description: 'Its secret. Without one, and without `jwks`, it is a public client, such as a program on somebody\'s machine.' }),
  jwks: z.union([
    z.strictObject({ file: path('a JSON Web Key Set').meta({ description: 'A file with its public keys, read at start.' }) }),
    z.strictObject({ url: keysUrl.meta({ description: 'The address of its public keys, which it may replace there.' }) }),
  ], { error: 'one of { file: PATH }, { url: URL }' }).optional().meta({ description: 'Its public keys, in place of a secret: it signs what it shows (`private_key_jwt`, RFC 7523).' }),
  groups: z.array(group(), { error: 'a list of group names' }).readonly().default([])
    .meta({ description: 'The groups in which policies see it as a service.' }),
  may_act_for: z.strictObject({
    groups: z.array(group().refine((value) => value !== '*', { error: 'the names of the groups; there is no "all"' }), { error: 'a list of group names' }).min(1, { error: 'at least one group' }).readonly()
      .meta({ description: 'It may act for whoever is in one of these groups, by the names under which policies see them.' }),
  }).optional().meta({ description: 'The people for whom it may act by `token_exchange`.' }),
  actors: z.array(name('the name of an issuer'), { error: 'a list of names of issuers' }).readonly().default([])
    .meta({ description: 'Issuers of `identity.issuers` whose programs it may have act in its place, by a token of theirs.' }),
}).superRefine((client, context) => {
  const wrong = (path: string, message: string): void => void context.addIssue({ code: 'custom', path: [path], input: client[path as keyof typeof client], message })
  const has = (grant: ClientGrant): boolean => client.grants.includes(grant)
  if (has('authorization_code') !== client.redirect_uris.length > 0) wrong('redirect_uris', has('authorization_code') ? 'at least one redirect URI' : 'none without the grant authorization_code')
  if (client.client_secret_from !== undefined && client.jwks !== undefined) wrong('jwks', 'either client_secret_from or jwks')
  if ((has('client_credentials') || has('id_jag') || has('token_exchange')) && client.client_secret_from === undefined && client.jwks === undefined) wrong('client_secret_from', 'a secret, or jwks: it must show who it is')
  if (client.groups.length > 0 && !has('client_credentials')) wrong('groups', 'none without the grant client_credentials: people bring their own')
  if (has('token_exchange') !== (client.may_act_for !== undefined)) wrong('may_act_for', has('token_exchange') ? 'the groups of the people for whom it may act: { groups: [ … ] }' : 'nobody without the grant token_exchange')
  if (client.actors.length > 0 && !has('token_exchange')) wrong('actors', 'none without the grant token_exchange')
})

const tokenSettings = z.strictObject({
  access: duration('1m', '1h').prefault('10m').meta({ description: 'How long an access token is good.' }),
  refresh: duration('1h', '90d').prefault('14d').meta({ description: 'How long a client may be silent before its person signs in again. Each refresh token is good once.' }),
  grant: duration('1h', '365d').prefault('90d').meta({ description: 'After this time the person signs in again, however busy the client was.' }),
  rotate: duration('1h', '365d').prefault('30d').meta({ description: 'How often the signing key is replaced. The one before verifies until its tokens have expired.' }),
})

const registrationSettings = z.strictObject({
  dynamic: z.boolean({ error: 'true or false' }).default(true).meta({ description: 'Whether clients that nobody configured may register themselves (RFC 7591). They may only sign people in, who are asked each time.' }),
  metadata_documents: z.boolean({ error: 'true or false' }).default(true).meta({ description: 'Whether a client may be known by the https URL of a document about it (Client ID Metadata Documents).' }),
  most: whole(10, 10_000).default(2000).meta({ description: 'Registered clients in all. Those that were never used make room first, and are forgotten after a day.' }),
  per_minute: whole(1, 10_000).default(60).meta({ description: 'Registrations, and documents about clients that are fetched, from one address within a minute; an IPv6 network (/64) counts as one.' }),
})

export type ClientSettings = z.output<typeof clientSettings>
export type TokenSettings = z.output<typeof tokenSettings>
export type RegistrationSettings = z.output<typeof registrationSettings>

export const oauthSettings = {
  clients: z.array(clientSettings, { error: 'a list of clients' }).default([]).meta({ description: 'Programs that are known beforehand: they sign people in, or are services themselves.' }),
  id_jag: z.array(name('the name of a provider'), { error: 'a list of names of providers' }).readonly().default([]).meta({ description: 'Providers of the kind `oidc` who may say by an assertion (ID-JAG) for whom a client of theirs comes: enterprise-managed authorization.' }),
  tokens: tokenSettings.prefault({}).meta({ description: 'The gateway\'s own tokens.' }),
  registration: registrationSettings.prefault({}).meta({ description: 'Clients that make themselves known.' }),
} as const
