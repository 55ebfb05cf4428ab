import { z } from 'zod'
import { secret, text, tls, url } from '../fields.ts'
import { credentialSettings } from './credential-settings.ts'
import { scopeSettings } from './scopes.ts'

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
    if (typeof value === 'string' && named) context.addIssue({ code: 'custom', path: [key], input: value, message: 'one of { env }, { file }, { command }, { vault }, { aws_secret }, because the name ends in _from' })
    if (named && Object.hasOwn(env, key.slice(0, -'_from'.length))) context.addIssue({ code: 'custom', path: [key], input: value, message: `either ${key.slice(0, -'_from'.length)} or ${key}` })
  }
}).default({})

const httpUpstreamSettings = z.strictObject({
  url: url().optional().meta({ description: 'The endpoint of an MCP server.' }),
  urls: z.array(url(), { error: 'a list of URLs' }).min(1, { error: 'at least one URL' }).max(64, { error: 'at most 64 URLs' })
    .refine(urls => new Set(urls).size === urls.length, { error: 'URLs that differ' }).optional()
    .meta({ description: 'In place of `url`: where several replicas of one server run. A session stays at the replica that made it; calls without a session go where the least is going on.' }),
  transport: z.enum(['http', 'sse'], { error: 'http or sse' }).default('http')
    .meta({ description: '`http` is Streamable HTTP; `sse` is HTTP+SSE of 2024-11-05, for servers that offer nothing newer.' }),
  credentials: credentialSettings.optional(),
  tls: tls().optional(),
  insecure_http: z.boolean({ error: 'true or false' }).default(false)
    .meta({ description: 'Weakens safety: allows a credential to be sent over plain http to another machine.' }),
  labels,
  scopes: scopeSettings,
}).transform(({ url, urls, ...rest }, context) => {
  const [first, ...others] = urls ?? (url === undefined ? [] : [url])
  if (first !== undefined && (url === undefined || urls === undefined)) return { ...rest, url: first, urls: [first, ...others] }
  context.issues.push({ code: 'custom', path: [url === undefined ? 'url' : 'urls'], input: urls, message: 'either url or urls' })
  return z.NEVER
})

const stdioUpstreamSettings = z.strictObject({
  command: text('a program').meta({ description: 'The program of a stdio server. No shell reads it. One child runs per client session, in the directory of the configuration file.' }),
  args: z.array(z.string({ error: 'a text' }).refine(value => !value.includes('\0'), { error: 'a text without NUL' }), { error: 'a list of texts' }).default([])
    .meta({ description: 'Its arguments, each passed as it stands.' }),
  env: environment.meta({ description: 'The child\'s variables. It gets these, `PATH` and `HOME`, and nothing else of the gateway\'s environment. A secret is given as `NAME_from: { env | file | command | vault | aws_secret }`.' }),
  labels,
  scopes: scopeSettings,
})

export const upstreamSettings = z.union([httpUpstreamSettings, stdioUpstreamSettings], {
  error: 'either url (a server over HTTP) or command (a server over stdio)',
})
