import { z } from 'zod'
import { variables } from './env.ts'
import { sections } from './schema.ts'

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
}
interface Row {
  readonly name: string
  readonly value: string
  readonly initial: string
  readonly says: string
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``

const kindOf = (schema: JsonSchema): string => {
  if (schema.title !== undefined) return schema.title
  if (schema.const !== undefined) return code(String(schema.const))
  if (schema.enum !== undefined) return schema.enum.map(value => code(String(value))).join(', ')
  if (schema.type === 'array') return `list of: ${kindOf(schema.items ?? {})}`
  if (schema.type === 'boolean') return '`true` or `false`'
  return schema.type === 'string' ? 'text' : schema.type === 'object' ? 'names' : String(schema.type ?? '')
}

const row = (name: string, schema: JsonSchema, isNeeded: boolean): Row => ({
  name,
  value: kindOf(schema),
  initial: schema.default !== undefined ? code(JSON.stringify(schema.default)) : isNeeded ? 'needed' : '',
  says: schema.description ?? '',
})

const rowsOf = (name: string, schema: JsonSchema, isNeeded: boolean): readonly Row[] => {
  const variants = schema.title === undefined ? (schema.anyOf ?? schema.oneOf ?? []).filter(one => one.properties !== undefined) : []
  if (variants.length > 0) {
    const of = (variant: JsonSchema): string => {
      const kind = variant.properties?.kind?.const
      return kind === undefined ? `with ${code(Object.keys(variant.properties ?? {})[0] ?? '')}` : `kind ${code(String(kind))}`
    }
    const one = variants.length === 1
    return [
      { name, value: variants.map(of).join(' or '), initial: isNeeded ? 'needed' : '', says: schema.description ?? '' },
      ...variants.flatMap(variant => rowsOf(name, { ...variant, description: undefined } as unknown as JsonSchema, true).slice(1)
        .filter(inner => inner.name !== `${name}.kind`)
        .map(inner => (one || inner.name.slice(name.length + 1).includes('.') ? inner : { ...inner, says: `(${of(variant)}) ${inner.says}`.trim() }))),
    ]
  }
  if (schema.properties !== undefined) {
    const { default: _, ...plain } = schema
    const head = row(name, plain, isNeeded && schema.default === undefined)
    return [{ ...head, value: 'names' }, ...Object.entries(schema.properties).flatMap(([key, inner]) => rowsOf(`${name}.${key}`, inner, schema.required?.includes(key) === true))]
  }
  const hasNames = (one: JsonSchema | undefined): boolean => one?.title === undefined && (one?.properties !== undefined || (one?.anyOf ?? one?.oneOf)?.every(hasNames) === true)
  if (schema.type === 'array' && schema.items !== undefined && hasNames(schema.items)) {
    return [{ ...row(name, schema, isNeeded), value: 'list' }, ...rowsOf(`${name}[]`, schema.items, false).slice(1)]
  }
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  const isNested = values?.title === undefined && (values?.properties !== undefined || values?.anyOf?.every(one => one.properties !== undefined) === true)
  if (values !== undefined && isNested) {
    return [row(name, schema, isNeeded), ...rowsOf(`${name}.<name>`, values, false).slice(1)]
  }
  return [row(name, schema, isNeeded)]
}

const table = (rows: readonly Row[]): string =>
  ['| name | value | default | what it does |', '|---|---|---|---|', ...rows.map(({ name, value, initial, says }) => `| \`${name}\` | ${value.replaceAll('\n', ' ')} | ${initial} | ${says.replaceAll('|', '\\|')} |`)].join('\n')

const toSchema = (schema: z.ZodType): JsonSchema => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema

const begins = '<!-- made from the schemas: begin -->'
const ends = '<!-- made from the schemas: end -->'

/** The tables of `docs/configuration.md`, from the schemas and from nothing else. */
const settingsTables = (): string => {
  const parts = Object.entries(sections).map(([name, schema]) => {
    const json = toSchema(schema)
    const rows = rowsOf(name, json, !(schema as z.ZodType).safeParse(undefined).success)
    const [head, ...inner] = rows
    // The section's own row says nothing that its heading does not, unless it says what is possible.
    const shown = inner.length > 0 && head?.value === 'names' ? inner : rows
    return `### ${code(name)}\n\n${json.description ?? ''}\n\n${table(shown)}`
  })
  const environment = ['### Environment', '', '| variable | what it does |', '|---|---|', ...Object.entries(variables).map(([name, says]) => `| \`${name}\` | ${says} |`)].join('\n')
  return [begins, ...parts, environment, ends].join('\n\n')
}

/** The document with its tables made anew. */
export const withTables = (document: string): string => {
  const [before, rest] = document.split(begins)
  const after = rest?.split(ends)[1]
  if (before === undefined || after === undefined) throw new Error(`the document has no ${begins} … ${ends}`)
  return `${before}${settingsTables()}${after}`
}
