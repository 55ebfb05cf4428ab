import { z } from 'zod'
import { duration, path, secret, text } from '../../fields.ts'
import { algorithms } from './keys.ts'

const id = text('the name of a key').optional().meta({ description: 'The name by which signatures call the key (`kid`, or `keyid`). Default: any, or none.' })
const open = z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'], { error: 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA' })
const shared = z.enum(['HS256', 'HS384', 'HS512'], { error: 'HS256, HS384 or HS512' })

const key = z.union([
  z.strictObject({
    file: path('a public key or certificate in PEM').meta({ description: 'A public key or certificate, as PEM.' }),
    algorithm: open.optional().meta({ description: 'The one algorithm that is taken. Default: RS256 for an RSA key, else what fits the key.' }),
    id,
  }),
  z.strictObject({
    secret_from: secret().meta({ description: 'A secret of at least 32 bytes that the signer has too. Whoever knows it can sign.' }),
    algorithm: shared.meta({ description: 'The one algorithm that is taken.' }),
    id,
  }),
], { error: '{ file: PATH } with a public key, or { secret_from: …, algorithm: HS256 }' })

/** The part of `policy.verify` that is about bundles. */
export const bundleVerifySettings = {
  keys: z.array(key).min(1, { error: 'at least one key' }).optional().meta({ description: 'For a bundle source: the keys of which one must have signed the bundle, in OPA\'s format. An unsigned, altered, incomplete or older bundle never becomes active.' }),
  scope: text('the scope of a signature').optional().meta({ description: 'What the signature must be for. Default: none, and then a signature that has a scope is refused.' }),
}

const algorithm = z.enum(algorithms, { error: algorithms.join(', ') })

/** With what a gateway signs the bundle that it hands on. */
export const signSettings = z.strictObject({
  key_from: secret().meta({ description: 'The private key, as PEM; for HS256, HS384 and HS512 a secret of at least 32 bytes.' }),
  algorithm: algorithm.optional().meta({ description: 'Default: RS256 for an RSA key, else what fits the key.' }),
  key_id: text('the name of a key').optional().meta({ description: 'The name by which the signature calls the key (`kid`, and `keyid`).' }),
  scope: text('the scope of a signature').optional().meta({ description: 'What the signature is for.' }),
}).meta({ description: 'The key by which the bundle at `GET /api/v1/policy/bundle` is signed, in OPA\'s format, so that other gateways and OPAs can demand it. What cannot be signed does not become active.' })

const age = () => duration('1s', '365d')
export const maxAgeSettings = z.strictObject({
  alarm: age().prefault('24h').meta({ description: 'After so long without the source saying what is active there is an alarm in the log, the metrics and `policy status`.' }),
  deny: age().optional().meta({ description: 'After so long everything is denied (`policy_stale`) until the source says again what is active. Default: never.' }),
}).refine(({ alarm, deny }) => deny === undefined || deny >= alarm, { path: ['deny'], error: 'at least as long as alarm' })
