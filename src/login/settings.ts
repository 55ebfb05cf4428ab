import { z } from 'zod'
import { duration } from '../fields.ts'
import { oidcSettings } from './oidc/settings.ts'
import { samlSettings } from './saml/settings.ts'

export const providerSettings = z.discriminatedUnion('kind', [oidcSettings, samlSettings])

/** Part of `identity`. */
export const loginSettings = {
  providers: z.array(providerSettings, { error: 'a list of providers' }).readonly().default([]).meta({ description: 'Where people sign in.' }),
  refresh: duration('1s', '24h').prefault('5m').meta({ description: 'How often a provider is asked whether somebody who is in use of the gateway still may, and what groups they have.' }),
  grace: duration('60s', '24h').prefault('15m').meta({ description: 'How long somebody may go on where the provider cannot be asked. Then they are denied until it answers.' }),
  session: duration('5m', '30d').prefault('8h').meta({ description: 'How long a browser is signed in at most; and any sign-in whose provider gives nothing by which it could be asked again.' }),
  idle: duration('1m', '24h').prefault('1h').meta({ description: 'How long a browser is signed in without being used.' }),
}

const loginShape = z.object(loginSettings)
export type LoginSettings = z.output<typeof loginShape>
export type ProviderSettings = z.output<typeof providerSettings>
