import { z } from 'zod'
import { duration, secret, text, whole } from '../fields.ts'
import { isRedirectable } from './redirects.ts'

const redirect = z.string({ error: 'a redirect URI' }).refine(isRedirectable, { error: 'an https URL, an http URL on loopback, or one of an app (com.example.app:/callback), without fragment' })

export const clientSettings = z.strictObject({
  client_id: z.string({ error: 'the id of a client' }).regex(/^[A-Za-z0-9._~-]{1,128}$/, { error: 'the id of a client: letters, digits and . _ ~ -, at most 128' })
    .meta({ description: 'The `client_id` it brings.' }),
  name: text('a name that people know').meta({ description: 'What people who are asked for their consent are told.' }),
  redirect_uris: z.array(redirect, { error: 'a list of redirect URIs' }).min(1, { error: 'at least one redirect URI' }).max(20, { error: 'at most 20 redirect URIs' }).readonly()
    .meta({ description: 'Where people are sent back to, compared character by character; on loopback any port.' }),
  client_secret_from: secret().optional().meta({ description: 'Its secret. Without one it is a public client, such as a program on somebody\'s machine.' }),
})

export const tokenSettings = z.strictObject({
  access: duration('1m', '1h').prefault('10m').meta({ description: 'How long an access token is good.' }),
  refresh: duration('1h', '90d').prefault('14d').meta({ description: 'How long a client may be silent before its person signs in again. Each refresh token is good once.' }),
  grant: duration('1h', '365d').prefault('90d').meta({ description: 'After this time the person signs in again, however busy the client was.' }),
  rotate: duration('1h', '365d').prefault('30d').meta({ description: 'How often the signing key is replaced. The one before verifies until its tokens have expired.' }),
})

export const registrationSettings = z.strictObject({
  dynamic: z.boolean({ error: 'true or false' }).default(true).meta({ description: 'Whether clients that nobody configured may register themselves (RFC 7591). They may only sign people in, who are asked each time.' }),
  metadata_documents: z.boolean({ error: 'true or false' }).default(true).meta({ description: 'Whether a client may be known by the https URL of a document about it (Client ID Metadata Documents).' }),
  most: whole(10, 10_000).default(2000).meta({ description: 'Registered clients in all. Those that were never used make room first, and are forgotten after a day.' }),
  per_minute: whole(1, 10_000).default(60).meta({ description: 'Registrations, and documents about clients that are fetched, from one address within a minute, in each process.' }),
})

export type ClientSettings = z.output<typeof clientSettings>
export type TokenSettings = z.output<typeof tokenSettings>
export type RegistrationSettings = z.output<typeof registrationSettings>

export const oauthSettings = {
  clients: z.array(clientSettings, { error: 'a list of clients' }).default([]).meta({ description: 'Programs that sign people in to the gateway and are known beforehand.' }),
  tokens: tokenSettings.prefault({}).meta({ description: 'The gateway\'s own tokens.' }),
  registration: registrationSettings.prefault({}).meta({ description: 'Clients that make themselves known.' }),
} as const
