import { suggest } from '../nearest.ts'

interface Schema {
  readonly $ref?: string
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: unknown
  readonly definitions?: Readonly<Record<string, Schema>>
}

/** Names in a question that was written by hand which no gateway asks with: no rule will see what stands there. */
export function unreadNames(question: unknown, root: Schema): readonly string[] {
  const variantsOf = (schema: Schema): readonly Schema[] => {
    const named = schema.$ref?.replace('#/definitions/', '')
    if (named !== undefined) return variantsOf(root.definitions?.[named] ?? {})
    return schema.anyOf?.flatMap(variantsOf) ?? [schema]
  }
  const walk = (value: unknown, schemas: readonly Schema[], path: string): readonly string[] => {
    if (typeof value !== 'object' || value === null) return []
    const variants = schemas.flatMap(variantsOf)
    if (Array.isArray(value)) return value.flatMap((item, index) => walk(item, variants.flatMap(({ items }) => items ?? []), `${path}.${index}`))
    const isClosed = variants.length > 0 && variants.every(({ properties, additionalProperties }) => properties !== undefined && additionalProperties === false)
    const known = [...new Set(variants.flatMap(({ properties }) => Object.keys(properties ?? {})))]
    return Object.entries(value).flatMap(([name, member]) => {
      const below = variants.flatMap(({ properties }) => (properties !== undefined && Object.hasOwn(properties, name) ? [properties[name]!] : [])) // it has it
      if (below.length > 0) return walk(member, below, `${path}.${name}`)
      const near = suggest(name, known)
      return isClosed ? [`no rule sees ${path}.${name}: ${near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`}`] : []
    })
  }
  return walk(question, [root], 'input')
}
