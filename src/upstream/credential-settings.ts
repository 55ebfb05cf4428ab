import { z } from 'zod'
import { secret, text, url } from '../fields.ts'
import { isConfidential } from '../loopback.ts'

// What the gateway or the HTTP client writes itself must not be overwritten by a credential.
const reserved = /^(?:host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|content-.*|accept.*|expect|mcp-.*|last-event-id|proxy-.*)$/i
const headerName = z.string({ error: 'the name of an HTTP header' })
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'the name of an HTTP header' })
  .refine(value => !reserved.test(value), { error: 'a header that the gateway does not write itself' })

const serverUrl = (what: string) => url(what).refine(value => URL.canParse(value) && isConfidential(new URL(value)), { error: 'an https URL, or one of this machine: secrets and tokens go there' })
const scope = z.string({ error: 'scopes with blanks between them' }).regex(/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/, { error: 'scopes with blanks between them' })

/** Whom tokens for a server are asked of, and as whom the gateway asks. */
const authorizationServer = {
  issuer: serverUrl('the URL of the issuer').optional().meta({ description: 'The authorization server; its token endpoint is found by its metadata.' }),
  token_url: serverUrl('the URL of the token endpoint').optional().meta({ description: 'Its token endpoint, in place of `issuer`.' }),
  client_id: text().meta({ description: 'The client that the gateway is there.' }),
  client_secret_from: secret().optional().meta({ description: 'The secret of that client.' }),
  client_secret_method: z.enum(['basic', 'post'], { error: 'basic or post' }).default('basic').meta({ description: 'How the secret is sent: `basic` in a header, `post` in the form.' }),
  private_key_from: secret().optional().meta({ description: 'In place of a secret: the private key, as PEM without a passphrase, by which the gateway proves that it is that client (private_key_jwt, RFC 7523).' }),
  private_key_id: text().optional().meta({ description: 'The name that key has there.' }),
} as const
const target = {
  scope: scope.optional().meta({ description: 'The scopes that are asked for.' }),
  audience: text().optional().meta({ description: 'For whom the token shall be, where the authorization server wants it by that name.' }),
  resource: z.union([url(), z.literal(false)], { error: 'a URL, or false' }).optional()
    .meta({ title: 'URL or `false`', description: 'The resource the token shall be good for (RFC 8707). Default: the URL of the server. `false` says none, for authorization servers that do not know the word.' }),
} as const

interface Asked {
  readonly issuer?: string | undefined
  readonly token_url?: string | undefined
  readonly client_secret_from?: unknown
  readonly private_key_from?: unknown
  readonly private_key_id?: string | undefined
}
const oneOfEach = ({ issuer, token_url, client_secret_from, private_key_from, private_key_id }: Asked, context: z.RefinementCtx): void => {
  const wrong = (step: string, message: string) => context.addIssue({ code: 'custom', path: [step], input: undefined, message })
  if ((issuer === undefined) === (token_url === undefined)) wrong(issuer === undefined ? 'issuer' : 'token_url', 'either issuer or token_url')
  if ((client_secret_from === undefined) === (private_key_from === undefined)) wrong(client_secret_from === undefined ? 'client_secret_from' : 'private_key_from', 'either client_secret_from or private_key_from')
  if (private_key_id !== undefined && private_key_from === undefined) wrong('private_key_id', 'a name only for a private_key_from')
}

export const credentialSettings = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('bearer'),
    token_from: secret().meta({ description: 'Sent as `Authorization: Bearer …`.' }),
  }),
  z.strictObject({
    kind: z.literal('header'),
    name: headerName.meta({ description: 'The header that carries the credential.' }),
    value_from: secret().meta({ description: 'Its value.' }),
  }),
  z.strictObject({
    kind: z.literal('basic'),
    username: text().refine(value => !value.includes(':'), { error: 'a user name without a colon' }).meta({ description: 'The user of `Authorization: Basic …`.' }),
    password_from: secret().meta({ description: 'The password.' }),
  }),
  z.strictObject({ kind: z.literal('client_credentials'), ...authorizationServer, ...target }).superRefine(oneOfEach),
  z.strictObject({
    kind: z.literal('token_exchange'), ...authorizationServer, ...target,
    subject: z.enum(['access_token', 'id_token'], { error: 'access_token or id_token' }).default('access_token')
      .meta({ description: 'Which token of the person, from their sign-in, is exchanged.' }),
  }).superRefine(oneOfEach),
  z.strictObject({ kind: z.literal('on_behalf_of'), ...authorizationServer, scope: scope.meta({ description: 'The scopes that are asked for, such as `api://crm/.default`.' }) }).superRefine(oneOfEach),
  z.strictObject({
    kind: z.literal('oauth'),
    issuer: serverUrl('the URL of the issuer').optional().meta({ description: 'The authorization server. Default: what the server itself names (RFC 9728).' }),
    client_id: text().optional().meta({ description: 'The client that the gateway is there. Default: it registers itself (RFC 7591).' }),
    client_secret_from: secret().optional().meta({ description: 'The secret of that client, where it has one.' }),
    scope: scope.optional().meta({ description: 'The scopes that people are asked to grant. Default: what the server says it wants.' }),
  }).superRefine(({ client_id, client_secret_from, issuer }, context) => {
    const wrong = (step: string, message: string) => context.addIssue({ code: 'custom', path: [step], input: undefined, message })
    if (client_secret_from !== undefined && client_id === undefined) wrong('client_id', 'the client whose secret it is')
    // Whoever names the authorization server gets the client's secret, and the codes that people are given for that client elsewhere.
    if (client_id !== undefined && issuer === undefined) wrong('issuer', client_secret_from === undefined ? 'the authorization server that knows the client' : 'the authorization server that may be given the secret')
  }),
  z.strictObject({
    kind: z.literal('aws_sigv4'),
    service: z.string({ error: 'the name of a service' }).regex(/^[a-z0-9-]{1,64}$/, { error: 'the name of a service such as execute-api or bedrock-agentcore' }).meta({ description: 'The service that is signed for (AWS Signature Version 4).' }),
    region: z.string({ error: 'a region' }).regex(/^[a-z0-9-]{1,64}$/, { error: 'a region such as eu-central-1' }).meta({ description: 'Its region.' }),
    access_key_id: text().optional().meta({ description: 'The key to sign with. Default: what the standard chain finds: environment, web identity, container, instance role.' }),
    secret_access_key_from: secret().optional().meta({ description: 'The secret of that key.' }),
    session_token_from: secret().optional().meta({ description: 'The session that the key belongs to, if it does.' }),
  }).superRefine(({ access_key_id: id, secret_access_key_from: key, session_token_from: session }, context) => {
    if ((id === undefined) !== (key === undefined)) context.addIssue({ code: 'custom', path: [id === undefined ? 'access_key_id' : 'secret_access_key_from'], input: undefined, message: 'access_key_id with secret_access_key_from' })
    if (session !== undefined && key === undefined) context.addIssue({ code: 'custom', path: ['secret_access_key_from'], input: undefined, message: 'the key of the session' })
  }),
]).meta({ description: 'What the gateway presents to the server. Callers never see it, not even where the server echoes it.' })

export type CredentialSettings = z.output<typeof credentialSettings>
