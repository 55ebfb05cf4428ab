import type { JsonObject } from '../../model.ts'
import type { CompiledRules, Names, Reaching, ServerPermission, Permission } from './compiled.ts'

type Rule = Permission | ServerPermission | Reaching
interface Indexed {
  readonly by_name: Record<string, Rule[]>
  readonly by_upstream: Record<string, Rule[]>
  readonly others: Rule[]
}

/** The names themselves, where all are written out: no other name can fit. */
const writtenOut = ({ all, exact, prefixes, patterns }: Names): readonly string[] | undefined =>
  all || prefixes.length > 0 || patterns.length > 0 ? undefined : Object.keys(exact)
const thingsOf = (rule: Rule): readonly string[] | undefined => {
  if ('methods' in rule || ('anything' in rule && rule.anything)) return undefined
  const names = Object.values(rule.uses).map(writtenOut)
  return names.includes(undefined) ? undefined : [...new Set(names.flatMap((some) => some ?? []))]
}

const indexed = (rules: readonly Rule[]): Indexed => {
  const byName = new Map<string, Rule[]>()
  const byUpstream = new Map<string, Rule[]>()
  const others: Rule[] = []
  const put = (places: Map<string, Rule[]>, names: readonly string[], rule: Rule): void => names.forEach((name) => void places.set(name, [...(places.get(name) ?? []), rule]))
  for (const rule of rules) {
    const things = thingsOf(rule)
    const upstreams = writtenOut(rule.upstreams)
    if (things !== undefined) put(byName, things, rule)
    else if (upstreams !== undefined) put(byUpstream, upstreams, rule)
    else others.push(rule)
  }
  return { by_name: Object.fromEntries(byName), by_upstream: Object.fromEntries(byUpstream), others }
}

/** What is written to `data.rules`. */
export const dataOf = ({ kinds, texts, allow, server, deny, require_approval, risk, mask, roles }: CompiledRules): JsonObject =>
  ({ kinds, texts, allow: indexed(allow), server: indexed(server), deny: indexed(deny), require_approval: indexed(require_approval), risk: indexed(risk), mask: indexed(mask), ...(roles.length === 0 ? {} : { roles }) }) as unknown as JsonObject // plain JSON by its types
