import { z } from 'zod'
import { isConfidential } from './loopback.ts'

// The words in which the rooms write their settings. Every message is an expectation: it follows "expected".

const factors: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const measured = (label: string, factors: Readonly<Record<string, number>>, smallest: string, largest: string) => {
  const read = (text: string): number | undefined => {
    const [, digits, unit] = /^(\d{1,9})([A-Za-z]{1,3})$/.exec(text) ?? []
    const factor = unit === undefined || !Object.hasOwn(factors, unit) ? undefined : factors[unit]
    return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
  }
  const expectation = `a ${label} from ${smallest} to ${largest}`
  const [low, high] = [read(smallest), read(largest)]
  return z.string({ error: expectation }).transform((text, context) => {
    const value = read(text)
    if (value !== undefined && low !== undefined && high !== undefined && value >= low && value <= high) return value
    context.issues.push({ code: 'custom', message: expectation, input: text })
    return z.NEVER
  }).meta({ title: expectation })
}

/** `512KiB`, `4MiB`: becomes bytes. */
export const size = (smallest: string, largest: string) => measured('size', factors, smallest, largest)
/** `50ms`, `30s`, `15m`: becomes milliseconds. */
export const duration = (smallest: string, largest: string) => measured('duration', units, smallest, largest)

export const whole = (smallest: number, largest: number) => {
  const expectation = `a whole number from ${smallest} to ${largest}`
  return z.number({ error: expectation }).int({ error: expectation }).min(smallest, { error: expectation }).max(largest, { error: expectation }).meta({ title: expectation })
}

export const text = (expectation = 'a text that is not empty') =>
  z.string({ error: expectation }).min(1, { error: expectation }).refine(value => !value.includes('\0'), { error: expectation })

/** A name as it stands in URLs, rule ids and group names. */
export const name = (what: string) => {
  const expectation = `${what}: lower-case letters, digits, - and _, at most 63, beginning with a letter or digit`
  return z.string({ error: expectation }).regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, { error: expectation })
}

/** Relative to the directory of the configuration file. */
export const path = (what: string) => text(`the path of ${what}`)

const httpUrl = (value: string): URL | undefined => {
  const url = URL.parse(value)
  return url !== null && /^https?:\/\//i.test(value) && !/\s/.test(value) && url.hash === '' && !value.includes('#') ? url : undefined
}

/** An absolute URL without user, password and fragment, kept as it was written. */
export const url = (what = 'an http or https URL without user, password and fragment') =>
  z.string({ error: what }).refine(value => {
    const parsed = httpUrl(value)
    return parsed !== undefined && parsed.username === '' && parsed.password === '' && !/^https?:\/\/[^/?]*@/i.test(value)
  }, { error: what })

export const group = () => text('the name of a group')

const argument = z.string({ error: 'a text' }).refine(value => !value.includes('\0'), { error: 'a text without NUL' })
/** A program and its arguments. As one text it is split at blanks; whoever needs quotes or blanks writes a list. */
const argv = z.union([
  z.array(argument).min(1).readonly(),
  z.string().regex(/^[^\s"'`$|&;<>\\(){}*?~#!]+(?: +[^\s"'`$|&;<>\\(){}*?~#!]+)*$/, {
    error: 'a program and its arguments: no shell reads them, so write a list where a sign like " $ | ; * is meant',
  }).transform((line): readonly string[] => line.split(/ +/)),
], { error: 'a program and its arguments, as a list of texts or as one text' })

const local = [
  z.strictObject({ env: z.string({ error: 'the name of a variable' }).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of a variable' }) }),
  z.strictObject({ file: path('a file that holds the secret') }),
  z.strictObject({ command: argv }),
] as const
/** What opens a secret manager; it cannot come from one. */
const localSecret = () => z.union(local, { error: 'one of { env: NAME }, { file: PATH }, { command: [PROGRAM, ARGUMENT, …] }' }).meta({ title: 'env, file or command' })

// What is put into a path of Vault's API must stay one step, or several, of that path.
const vaultPath = (what: string) => {
  const expectation = `${what}: names with / between them`
  return z.string({ error: expectation }).regex(/^[\w.~@:+ -]+(?:\/[\w.~@:+ -]+)*$/, { error: expectation })
    .refine(value => !value.split('/').some(step => step === '.' || step === '..'), { error: expectation })
}
const vaultAuth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token'), token_from: localSecret() }),
  z.strictObject({
    kind: z.literal('kubernetes'), role: text('the name of a role'), mount: vaultPath('where the method is enabled').default('kubernetes'),
    jwt: z.strictObject({ file: path('a file that holds the token of the service account') }).prefault({ file: '/var/run/secrets/kubernetes.io/serviceaccount/token' }),
  }),
  z.strictObject({ kind: z.literal('approle'), role_id: text('the id of a role'), secret_id_from: localSecret(), mount: vaultPath('where the method is enabled').default('approle') }),
], { error: 'kind: token, kubernetes or approle' })
const vault = z.strictObject({
  address: url('the https URL of Vault').refine(value => isConfidential(new URL(value)), { error: 'an https URL, or one of this machine' }),
  path: vaultPath('the path of a secret as in `vault kv get`'),
  key: text('the key within the secret'),
  auth: vaultAuth,
  namespace: vaultPath('a namespace').optional(),
  ca: z.strictObject({ file: path('a file with certificates') }).optional(),
})
const awsSecret = z.strictObject({
  id: text('the name or ARN of a secret'),
  key: text('the key within a secret of JSON').optional(),
  region: z.string({ error: 'a region such as eu-central-1' }).regex(/^[a-z0-9-]{1,64}$/, { error: 'a region such as eu-central-1' }),
  endpoint: url().refine(value => isConfidential(new URL(value)), { error: 'an https URL, or one of this machine' }).optional(),
})

/** Where a secret comes from; the secret itself never stands in the settings. */
export const secret = () => z.union([...local, z.strictObject({ vault }), z.strictObject({ aws_secret: awsSecret })], {
  error: 'one of { env: NAME }, { file: PATH }, { command: [PROGRAM, ARGUMENT, …] }, { vault: … }, { aws_secret: … }',
}).meta({ title: 'env, file, command, vault or aws_secret' })

export type SecretSource = z.output<ReturnType<typeof secret>>
export type LocalSecretSource = z.output<ReturnType<typeof localSecret>>
export type VaultSource = z.output<typeof vault>
export type AwsSecretSource = z.output<typeof awsSecret>

/** TLS towards a server that the gateway calls. */
export const tls = () => z.strictObject({
  ca: z.strictObject({ file: path('a file with certificates') }).optional()
    .meta({ description: 'The certificates, as PEM, of the authorities by which this server is verified, in place of the public ones.' }),
  certificate: z.strictObject({ file: path('a file with a certificate') }).optional()
    .meta({ description: 'The client certificate, as PEM, that the gateway presents to the server; the certificates of its issuers may follow in the file.' }),
  key_from: secret().optional().meta({ description: 'The private key of that certificate, as PEM without a passphrase.' }),
}).superRefine((tls, context) => {
  if (tls.certificate !== undefined && tls.key_from === undefined) context.addIssue({ code: 'custom', path: ['key_from'], input: undefined, message: 'the private key of the certificate' })
  if (tls.key_from !== undefined && tls.certificate === undefined) context.addIssue({ code: 'custom', path: ['certificate'], input: undefined, message: 'the certificate of the key' })
  if (Object.keys(tls).length === 0) context.addIssue({ code: 'custom', path: [], input: tls, message: 'ca, or certificate and key_from' })
}).meta({ description: 'TLS towards the server, at least version 1.2. The server is always verified.' })
