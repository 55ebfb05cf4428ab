import type { ProviderSettings } from './settings.ts'

interface Wrong {
  readonly steps: readonly (string | number)[]
  readonly found: string
  readonly expected: string
}
interface Given {
  readonly providers: readonly ProviderSettings[]
  readonly issuers: readonly { readonly name: string; readonly issuer: string }[]
  readonly publicUrl: string | undefined
}

/** The issuer as policies will see it; undefined where it is learned later. */
const issuerOf = (provider: ProviderSettings): string | undefined => ('issuer' in provider && typeof provider.issuer === 'string' ? provider.issuer : undefined)
const isLocalHttp = (url: string): boolean => /^http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::|\/|$)/i.test(url)

/** Providers that are each right and together wrong. */
export function findProviderProblems({ providers, issuers, publicUrl }: Given): readonly Wrong[] {
  const at = (index: number, ...more: readonly string[]) => ['identity', 'providers', index, ...more]
  const wrong: Wrong[] = []
  if (providers.length > 0 && publicUrl !== undefined && !publicUrl.startsWith('https:') && !isLocalHttp(publicUrl)) wrong.push({ steps: ['public_url'], found: 'plain http, with people signing in', expected: 'https: whoever is in between could sign in as them' })
  for (const [index, provider] of providers.entries()) {
    const { name } = provider
    const issuer = issuerOf(provider)
    if (name === 'gateway') wrong.push({ steps: at(index, 'name'), found: 'the name of the gateway itself', expected: 'another name' })
    if (providers.some((other, before) => before < index && other.name === name)) wrong.push({ steps: at(index, 'name'), found: 'the name of another provider', expected: 'a name of its own' })
    // Somebody is known by issuer and subject: two providers of one issuer would be one.
    if (issuer !== undefined && providers.some((other, before) => before < index && issuerOf(other)?.replace(/\/$/, '') === issuer.replace(/\/$/, ''))) wrong.push({ steps: at(index, 'issuer'), found: 'the issuer of another provider', expected: 'each issuer once' })
    // What is in metadata is the word of another: alone it may say who it is, beside others it could say that it is one of them.
    if (issuer === undefined && providers.length + issuers.length > 1) wrong.push({ steps: at(index, 'issuer'), found: 'nothing, beside others who know people', expected: 'its entity id: the metadata alone could name another' })
    const namesake = issuers.find((other) => other.name === name)
    if (namesake !== undefined && namesake.issuer !== issuer) wrong.push({ steps: at(index, 'name'), found: 'the name of an issuer that is another one', expected: 'a name of its own, or the same issuer' })
    const others = [...providers, ...issuers].map((other) => other.name).filter((other) => other !== name)
    const foreign = Array.isArray(provider.trusted_groups) ? provider.trusted_groups.find((group) => others.some((other) => group.startsWith(`${other}:`))) : undefined
    if (foreign !== undefined) wrong.push({ steps: at(index, 'trusted_groups'), found: `${foreign}, a group of another`, expected: 'groups of this provider' })
    if (providers.length > 1 && provider.trusted_groups === undefined) wrong.push({ steps: at(index, 'trusted_groups'), found: 'nothing, beside another provider', expected: '`all` at one provider at most, and a list (`[]` for none) at the others: none may name the groups of another' })
    if (provider.trusted_groups === 'all' && providers.some((other, before) => before < index && other.trusted_groups === 'all')) wrong.push({ steps: at(index, 'trusted_groups'), found: '`all`, as at another provider', expected: 'a list: each of them could name the groups of the other' })
  }
  return wrong
}
