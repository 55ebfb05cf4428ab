/** Documents that come as OPA's objects, written out again, so that there is one reading of GraphQL. */
import { noAnswer } from '../builtin.ts'
import { isArray, RegoNumber, RegoObject, type Value } from '../value.ts'

const list = (node: RegoObject, name: string): readonly RegoObject[] => {
  const found = node.get(name) ?? []
  return isArray(found) ? found.map((one) => (one instanceof RegoObject ? one : noAnswer())) : noAnswer()
}
const text = (node: RegoObject, name: string): string => {
  const found = node.get(name) ?? ''
  return typeof found === 'string' ? found : noAnswer()
}
const texts = (node: RegoObject, name: string): readonly string[] => {
  const found = node.get(name) ?? []
  return isArray(found) ? found.map((one) => (typeof one === 'string' ? one : noAnswer())) : noAnswer()
}
const object = (value: Value | undefined): RegoObject => (value instanceof RegoObject ? value : noAnswer())
/** A name that is none would be read as something else. */
const named = (node: RegoObject, name = 'Name'): string => word(text(node, name))
const word = (name: string): string => (/^[_A-Za-z]\w*$/.test(name) ? name : noAnswer())
const optional = (name: string): string => (name === '' ? '' : word(name))
const around = (open: string, inner: readonly string[], close: string): string => (inner.length === 0 ? '' : `${open}${inner.join(' ')}${close}`)

export function printQuery(document: RegoObject): string {
  const operations = list(document, 'Operations').map((node) => {
    const variables = around('(', list(node, 'VariableDefinitions').map(variable), ')')
    return `${optional(text(node, 'Operation')) || 'query'} ${optional(text(node, 'Name'))}${variables}${directives(node)}${selections(node)}`
  })
  const fragments = list(document, 'Fragments').map((node) => {
    const variables = around('(', list(node, 'VariableDefinition').map(variable), ')')
    return `fragment ${named(node)}${variables} on ${named(node, 'TypeCondition')}${directives(node)}${selections(node)}`
  })
  return [...operations, ...fragments].join('\n')
}

function variable(node: RegoObject): string {
  return `$${named(node, 'Variable')}: ${type(node.get('Type'))}${defaultOf(node)}${directives(node)}`
}

function defaultOf(node: RegoObject): string {
  const found = node.get('DefaultValue')
  return found === undefined ? '' : ` = ${value(found)}`
}

function selections(node: RegoObject): string {
  return around('{', list(node, 'SelectionSet').map(selection), '}')
}

function selection(node: RegoObject): string {
  const rest = `${directives(node)}${selections(node)}`
  if (node.get('TypeCondition') !== undefined) {
    const on = optional(text(node, 'TypeCondition'))
    return `...${on === '' ? '' : ` on ${on}`}${rest}`
  }
  if (node.get('Alias') === undefined) return `...${named(node)}${rest}`
  return `${named(node, 'Alias')}: ${named(node)}${around('(', list(node, 'Arguments').map(argument), ')')}${rest}`
}

function directives(node: RegoObject): string {
  return list(node, 'Directives').map((one) => ` @${named(one)}${around('(', list(one, 'Arguments').map(argument), ')')}`).join('')
}

function argument(node: RegoObject): string {
  return `${named(node)}: ${value(node.get('Value'))}`
}

function type(node: Value | undefined): string {
  const found = object(node)
  const inner = found.get('Elem') === undefined ? named(found, 'NamedType') : `[${type(found.get('Elem'))}]`
  return found.get('NonNull') === true ? `${inner}!` : inner
}

function value(node: Value | undefined): string {
  const found = object(node)
  const kind = found.get('Kind')
  const raw = text(found, 'Raw')
  switch (kind instanceof RegoNumber ? Number(kind.text) : -1) {
    case 0:
      return `$${word(raw)}`
    case 1:
    case 2:
      return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(raw) ? raw : noAnswer()
    case 3:
    case 4:
      return JSON.stringify(raw)
    case 5:
    case 6:
    case 7:
      return word(raw)
    case 8:
      return `[${list(found, 'Children').map((one) => value(one.get('Value'))).join(' ')}]`
    case 9:
      return `{${list(found, 'Children').map(argument).join(' ')}}`
    default:
      return noAnswer()
  }
}

const keywords: Readonly<Record<string, string>> = { SCALAR: 'scalar', OBJECT: 'type', INTERFACE: 'interface', UNION: 'union', ENUM: 'enum', INPUT_OBJECT: 'input' }

export function printSchema(document: RegoObject): string {
  const root = (prefix: string) => (node: RegoObject): string => {
    const types = list(node, 'OperationTypes').map((one) => `${named(one, 'Operation')}: ${named(one, 'Type')}`)
    return `${prefix}schema${directives(node)}${around('{', types, '}')}`
  }
  const directive = (node: RegoObject): string => {
    const repeatable = node.get('IsRepeatable') === true ? ' repeatable' : ''
    return `directive @${named(node)}${fields(node, 'Arguments', '(', ')')}${repeatable} on ${texts(node, 'Locations').map(word).join(' | ')}`
  }
  return [
    ...list(document, 'Schema').map(root('')),
    ...list(document, 'SchemaExtension').map(root('extend ')),
    ...list(document, 'Directives').map(directive),
    ...list(document, 'Definitions').map((node) => definition(node)),
    ...list(document, 'Extensions').map((node) => `extend ${definition(node)}`),
  ].join('\n')
}

function definition(node: RegoObject): string {
  const keyword = keywords[text(node, 'Kind')] ?? noAnswer()
  const interfaces = texts(node, 'Interfaces').map(word)
  const types = texts(node, 'Types').map(word)
  const values = list(node, 'EnumValues').map((one) => `${named(one)}${directives(one)}`)
  return [
    `${keyword} ${named(node)}`,
    interfaces.length === 0 ? '' : ` implements ${interfaces.join(' & ')}`,
    directives(node),
    fields(node, 'Fields', '{', '}'),
    around('{', values, '}'),
    types.length === 0 ? '' : ` = ${types.join(' | ')}`,
  ].join('')
}

function fields(node: RegoObject, name: string, open: string, close: string): string {
  const each = (one: RegoObject): string => `${named(one)}${fields(one, 'Arguments', '(', ')')}: ${type(one.get('Type'))}${defaultOf(one)}${directives(one)}`
  return around(open, list(node, name).map(each), close)
}
