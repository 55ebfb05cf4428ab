import { isConfidential, isLoopback } from '../loopback.ts'
import { findProviderProblems } from '../login/check.ts'
import type { PartialSettings } from './schema.ts'
import type { Steps } from './problem.ts'

/** A finding about settings that are each right and together wrong or weak. */
export interface Weakness {
  readonly steps: Steps
  readonly found: string
  readonly expected: string
}
type Check = (settings: PartialSettings) => readonly Weakness[]

const entries = Object.entries as <T>(value: { readonly [key: string]: T } | undefined) => [string, T][]
const list = <T>(value: { readonly [key: string]: T } | undefined): [string, T][] => (value === undefined ? [] : entries(value))

const plainListening: Check = ({ listen, public_url }) => {
  if (listen === undefined || listen.insecure_http) return []
  if (public_url === undefined) return isLoopback(listen.host) ? [] : [{ steps: ['public_url'], found: 'nothing', expected: 'the https URL by which clients reach the gateway, because it listens on more than loopback' }]
  if (public_url.startsWith('https:')) return []
  if (!isLoopback(new URL(public_url).hostname)) return [{ steps: ['public_url'], found: 'plain http', expected: 'https: tokens would travel in the clear; listen.insecure_http: true allows it' }]
  return isLoopback(listen.host) ? [] : [{ steps: ['listen', 'host'], found: 'an address that others can reach, with a public_url of plain http', expected: 'a loopback address, or a public_url of https; listen.insecure_http: true allows it' }]
}

const portZero: Check = ({ listen, public_url }) =>
  listen?.port === 0 && public_url === undefined ? [{ steps: ['public_url'], found: 'nothing', expected: 'a URL, because the port is not known before it is taken' }] : []

const someIssuer: Check = ({ identity }) =>
  identity?.issuers.length === 0 && identity.providers.length === 0 && !identity.clients.some(({ grants }) => grants.includes('client_credentials')) ? [{ steps: ['identity', 'issuers'], found: 'none', expected: 'at least one issuer, or a provider where people sign in: nobody is let in without a token' }] : []

const repeated = (values: readonly string[]): readonly number[] => values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []))

const distinctIssuers: Check = ({ identity }) => {
  const issuers = identity?.issuers ?? []
  return [
    ...repeated(issuers.map(({ name }) => name)).map(index => ({ steps: ['identity', 'issuers', index, 'name'], found: 'the name of another issuer', expected: 'a name of its own' })),
    ...repeated(issuers.map(({ issuer }) => issuer.replace(/\/$/, ''))).map(index => ({ steps: ['identity', 'issuers', index, 'issuer'], found: 'an issuer that is already there', expected: 'each issuer once' })),
  ]
}

/** The gateway is an issuer itself. */
const ownName: Check = ({ identity, public_url }) => (identity?.issuers ?? []).flatMap(({ name, issuer }, index) => [
  ...(name === 'gateway' ? [{ steps: ['identity', 'issuers', index, 'name'], found: 'the name of the gateway itself', expected: 'another name' }] : []),
  ...(issuer.replace(/\/$/, '') === public_url ? [{ steps: ['identity', 'issuers', index, 'issuer'], found: 'the gateway itself', expected: 'another issuer: the gateway knows its own tokens' }] : []),
])

const distinctClients: Check = ({ identity }) =>
  repeated((identity?.clients ?? []).map(({ client_id }) => client_id)).map(index => ({ steps: ['identity', 'clients', index, 'client_id'], found: 'the id of another client', expected: 'each client once' }))

const clientsNeedPeople: Check = ({ identity }) =>
  identity !== undefined && identity.clients.some(({ grants }) => grants.some(grant => grant !== 'client_credentials')) && identity.providers.length === 0 ? [{ steps: ['identity', 'providers'], found: 'none', expected: 'a provider: clients sign people in, and there is nowhere to' }] : []

const trustedAssertions: Check = ({ identity }) => {
  if (identity === undefined) return []
  const unknown = identity.id_jag.flatMap((name, index) => (identity.providers.some(provider => provider.name === name && provider.kind === 'oidc') ? [] : [{ steps: ['identity', 'id_jag', index], found: 'the name of nobody who can', expected: 'the name of a provider of the kind oidc' }]))
  const idle = identity.clients.flatMap(({ grants }, index) => (grants.includes('id_jag') && identity.id_jag.length === 0 ? [{ steps: ['identity', 'clients', index, 'grants'], found: 'id_jag, where no provider may vouch', expected: 'identity.id_jag with at least one, or another grant' }] : []))
  return [...unknown, ...idle]
}

const knownActors: Check = ({ identity }) =>
  (identity?.clients ?? []).flatMap(({ actors }, client) => actors.flatMap((name, index) => (identity?.issuers.some(issuer => issuer.name === name && issuer.kind !== 'person') === true ? [] : [{ steps: ['identity', 'clients', client, 'actors', index], found: 'the name of nobody who can', expected: 'the name of an issuer of programs (kind service or agent)' }])))

const providersTogether: Check = ({ identity, public_url }) =>
  identity === undefined ? [] : findProviderProblems({ providers: identity.providers, issuers: identity.issuers, publicUrl: public_url })

const groupsOfOthers: Check = ({ identity }) => {
  const issuers = identity?.issuers ?? []
  return issuers.flatMap((issuer, index) => issuer.trusted_groups.flatMap((group, position) => {
    const claimed = issuers.find(other => other.name !== issuer.name && group.startsWith(`${other.name}:`))
    return claimed === undefined ? [] : [{ steps: ['identity', 'issuers', index, 'trusted_groups', position], found: `a group of the issuer ${claimed.name}`, expected: 'a group of this issuer' }]
  }))
}

const someUpstream: Check = ({ upstreams }) =>
  upstreams !== undefined && Object.keys(upstreams).length === 0 ? [{ steps: ['upstreams'], found: 'none', expected: 'at least one server' }] : []

const overHttp = (upstreams: PartialSettings['upstreams']) => list(upstreams).flatMap(([name, upstream]) => ('urls' in upstream ? [{ name, upstream }] : []))

const confidentialCredentials: Check = ({ upstreams }) => overHttp(upstreams).flatMap(({ name, upstream }) =>
  upstream.credentials !== undefined && !upstream.insecure_http && !upstream.urls.every(one => isConfidential(new URL(one)))
    ? [{ steps: ['upstreams', name, upstream.urls.length > 1 ? 'urls' : 'url'], found: 'plain http to another machine', expected: 'https: the credential would travel in the clear; insecure_http: true at this server allows it' }]
    : [])

const peopleSignIn: Check = ({ upstreams, identity }) => overHttp(upstreams).flatMap(({ name, upstream }) => {
  const kind = upstream.credentials?.kind ?? ''
  const found = (what: string, expected: string) => [{ steps: ['upstreams', name, 'credentials', 'kind'], found: what, expected }]
  if (identity === undefined || !['oauth', 'token_exchange', 'on_behalf_of'].includes(kind)) return []
  if (identity.providers.length === 0) return found('a credential of each person, where nobody can sign in', 'identity.providers with at least one, or another kind')
  // SAML gives nothing that could be exchanged.
  return kind === 'oauth' || identity.providers.some(provider => provider.kind === 'oidc') ? [] : found('an exchange of tokens that no provider gives', 'identity.providers with one of kind oidc, or another kind')
})

const tlsNeedsHttps: Check = ({ upstreams }) => overHttp(upstreams).flatMap(({ name, upstream }) =>
  upstream.tls !== undefined && !upstream.urls.every(one => /^https:/i.test(one))
    ? [{ steps: ['upstreams', name, 'tls'], found: 'TLS for an address of plain http', expected: 'https addresses' }]
    : [])

const ownMetricsPort: Check = ({ listen, metrics }) =>
  metrics !== undefined && listen !== undefined && metrics.port === listen.port && metrics.port !== 0 ? [{ steps: ['metrics', 'port'], found: 'the port of the gateway', expected: 'a port of its own' }] : []

const enoughToShare: Check = ({ workers, limits }) =>
  typeof workers !== 'number' || limits === undefined ? [] : (['sessions', 'children', 'connections'] as const).flatMap(name =>
    limits[name] < workers ? [{ steps: ['limits', name], found: `less than the ${workers} workers that share it`, expected: 'at least one for each worker' }] : [])

const checks: readonly Check[] = [
  plainListening, portZero, someIssuer, distinctIssuers, ownName, distinctClients, clientsNeedPeople, trustedAssertions, knownActors, providersTogether, groupsOfOthers, someUpstream, confidentialCredentials, peopleSignIn, tlsNeedsHttps, ownMetricsPort, enoughToShare,
]

/** What must not be run with. */
export const findWeaknesses: Check = settings => checks.flatMap(check => check(settings))

const looksSecret = /(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY)$/i

/** What may be run with, but is said aloud at start. */
export const findWarnings = (settings: PartialSettings): readonly string[] => {
  const { listen, public_url, allowed_hosts, identity, metrics, upstreams } = settings
  const warnings: string[] = []
  if (listen?.insecure_http === true) warnings.push('listen.insecure_http is on: tokens and answers may travel in the clear')
  if (listen !== undefined && public_url !== undefined && !isLoopback(listen.host) && isLoopback(new URL(public_url).hostname)) {
    warnings.push('public_url is a loopback address while the gateway listens on more than loopback: other machines cannot use the URLs it prints')
  }
  if (allowed_hosts !== undefined && public_url !== undefined && !allowed_hosts.includes(new URL(public_url).host)) {
    warnings.push('allowed_hosts does not contain the host of public_url: clients that use that address are refused')
  }
  for (const { name, trust_unverified_email: trusts } of identity?.issuers ?? []) {
    if (trusts) warnings.push(`identity.issuers ${name}: trust_unverified_email is on: whoever can set a mail address there is taken for its owner`)
  }
  for (const { name, audience } of identity?.issuers ?? []) {
    if (audience !== undefined) warnings.push(`identity.issuers ${name}: tokens for the audience it names are good for every upstream and for the API`)
  }
  if (metrics !== undefined && !isLoopback(metrics.host)) warnings.push('metrics.host is not loopback: whoever reaches that port reads the metrics')
  for (const [name, upstream] of list(upstreams)) {
    if ('url' in upstream) {
      if (upstream.insecure_http) warnings.push(`upstreams.${name}.insecure_http is on: its credential may travel in the clear`)
      continue
    }
    for (const [variable, value] of Object.entries(upstream.env)) {
      if (typeof value === 'string' && looksSecret.test(variable)) warnings.push(`upstreams.${name}.env.${variable} looks like a secret: give it as ${variable}_from`)
    }
  }
  return warnings
}
