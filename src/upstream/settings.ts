import { z } from 'zod'
import { secret, text, url } from '../fields.ts'

// What the gateway or the HTTP client writes itself must not be overwritten by a credential.
const reserved = /^(?:host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|content-.*|accept.*|expect|mcp-.*|last-event-id|proxy-.*)$/i
const headerName = z.string({ error: 'the name of an HTTP header' })
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'the name of an HTTP header' })
  .refine(value => !reserved.test(value), { error: 'a header that the gateway does not write itself' })

const credentials = z.discriminatedUnion('kind', [
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
]).meta({ description: 'What the gateway presents to the server. Callers never see it, not even where the server echoes it.' })

const labels = z.record(text(), z.string({ error: 'a text' }), { error: 'names with texts' }).default({})
  .meta({ description: 'Names and texts that policies read as `input.upstream.labels`.' })

const variable = /^[A-Za-z_][A-Za-z0-9_]*$/
const environment = z.record(
  z.string().regex(variable, { error: 'the name of a variable' }),
  z.union([z.string(), secret()], { error: 'a text, or where a secret comes from under a name that ends in _from' }),
  { error: 'names of variables with texts' },
).superRefine((env, context) => {
  for (const [key, value] of Object.entries(env)) {
    const named = key.endsWith('_from') && key.length > '_from'.length
    if (typeof value !== 'string' && !named) context.addIssue({ code: 'custom', path: [key], input: value, message: `a text; a secret is given as ${key}_from` })
    if (typeof value === 'string' && named) context.addIssue({ code: 'custom', path: [key], input: value, message: 'one of { env }, { file }, { command }, because the name ends in _from' })
    if (named && Object.hasOwn(env, key.slice(0, -'_from'.length))) context.addIssue({ code: 'custom', path: [key], input: value, message: `either ${key.slice(0, -'_from'.length)} or ${key}` })
  }
}).default({})

export const httpUpstreamSettings = z.strictObject({
  url: url().meta({ description: 'The Streamable HTTP endpoint of an MCP server.' }),
  credentials: credentials.optional(),
  insecure_http: z.boolean({ error: 'true or false' }).default(false)
    .meta({ description: 'Weakens safety: allows a credential to be sent over plain http to another machine.' }),
  labels,
})

export const stdioUpstreamSettings = z.strictObject({
  command: text('a program').meta({ description: 'The program of a stdio server. No shell reads it. One child runs per client session, in the directory of the configuration file.' }),
  args: z.array(z.string({ error: 'a text' }).refine(value => !value.includes('\0'), { error: 'a text without NUL' }), { error: 'a list of texts' }).default([])
    .meta({ description: 'Its arguments, each passed as it stands.' }),
  env: environment.meta({ description: 'The child\'s variables. It gets these, `PATH` and `HOME`, and nothing else of the gateway\'s environment. A secret is given as `NAME_from: { env | file | command }`.' }),
  labels,
})

export const upstreamSettings = z.union([httpUpstreamSettings, stdioUpstreamSettings], {
  error: 'either url (a server over Streamable HTTP) or command (a server over stdio)',
})
export type UpstreamSettings = z.output<typeof upstreamSettings>
