/** GraphQL documents as the objects that OPA makes of them: the names are those of its parser's structures. */
import { noAnswer } from '../builtin.ts'
import { number, objectOf, RegoObject, isArray, type Value } from '../value.ts'
import { graphql, type GraphQL } from './library.ts'

const maxTokens = 10_000
const kinds = ['Variable', 'IntValue', 'FloatValue', 'StringValue', 'BlockValue', 'BooleanValue', 'NullValue', 'EnumValue', 'ListValue', 'ObjectValue'] as const

/** Undefined for what is no document. */
export function parse(text: string): GraphQL.DocumentNode | undefined {
  // What the grammar has no place for, and OPA's parser takes.
  if (text.replace(/#[^\n\r]*/g, '').replace(/[\s,\ufeff]/g, '') === '') return { kind: graphql().Kind.DOCUMENT, definitions: [] }
  try {
    const document = graphql().parse(text, { maxTokens, allowLegacyFragmentVariables: true })
    return isOlder(document) ? document : undefined
  } catch (thrown) {
    if (!(thrown instanceof graphql().GraphQLError)) throw new Error('a document that is nested too deep', { cause: thrown })
    if (thrown.message.includes('tokens')) throw new Error(`a document of more than ${maxTokens} tokens`, { cause: thrown })
    return undefined
  }
}

/** OPA's parser does not know what is newer than the specification of June 2018: `\u{…}`, and descriptions of what is executable. */
function isOlder({ definitions, loc }: GraphQL.DocumentNode): boolean {
  const isExecutable = ({ kind }: GraphQL.DefinitionNode): boolean => kind === 'OperationDefinition' || kind === 'FragmentDefinition'
  if (definitions.some((node) => isExecutable(node) && 'description' in node && node.description !== undefined)) return false
  for (let token = loc?.startToken; token != null; token = token.next ?? undefined) {
    if (token.kind === graphql().TokenKind.STRING && /^(?:[^\\]|\\[^u]|\\u[^{])*\\u\{/.test(loc?.source.body.slice(token.start, token.end) ?? '')) return false
  }
  return true
}

/** OPA leaves out what is null or empty. */
function pruned(members: Readonly<Record<string, Value | undefined>>): Value {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined && value !== null && !(isArray(value) && value.length === 0) && !(value instanceof RegoObject && value.pairs.length === 0))
  return objectOf(Object.fromEntries(kept))
}

const all = <T>(nodes: readonly T[] | undefined, each: (node: T) => Value): Value => (nodes ?? []).map(each)

/** The comments right before a node. */
function commentOf({ loc }: { readonly loc?: GraphQL.Location }): Value | undefined {
  const found: Value[] = []
  for (let token = loc?.startToken.prev; token?.kind === graphql().TokenKind.COMMENT; token = token.prev) found.unshift(objectOf({ Value: `#${token.value}` }))
  return found.length === 0 ? undefined : objectOf({ List: found })
}

/** In schemas OPA's objects tell of comments in places that are hard to foresee: better no object than another one. */
function refuseComments({ loc }: GraphQL.DocumentNode): void {
  for (let token = loc?.startToken; token != null; token = token.next ?? undefined) {
    if (token.kind === graphql().TokenKind.COMMENT) throw new Error('a document with comments')
  }
}

export function queryObject(document: GraphQL.DocumentNode): Value {
  const operations: Value[] = []
  const fragments: Value[] = []
  for (const node of document.definitions) {
    if (node.kind === 'OperationDefinition') operations.push(operation(node))
    else if (node.kind === 'FragmentDefinition') fragments.push(fragment(node))
    else return noAnswer()
  }
  return pruned({ Operations: operations, Fragments: fragments })
}

function operation(node: GraphQL.OperationDefinitionNode): Value {
  return pruned({
    Operation: node.operation,
    // Of a query without its keyword the comment is lost.
    Comment: node.loc?.startToken.kind === graphql().TokenKind.BRACE_L ? undefined : commentOf(node),
    Name: node.name?.value ?? '',
    VariableDefinitions: all(node.variableDefinitions, variable),
    Directives: all(node.directives, directive),
    SelectionSet: all(node.selectionSet.selections, selection),
  })
}

function fragment(node: GraphQL.FragmentDefinitionNode): Value {
  return pruned({
    Comment: commentOf(node),
    Name: node.name.value,
    VariableDefinition: all(node.variableDefinitions, variable),
    TypeCondition: node.typeCondition.name.value,
    Directives: all(node.directives, directive),
    SelectionSet: all(node.selectionSet.selections, selection),
  })
}

function variable(node: GraphQL.VariableDefinitionNode): Value {
  return pruned({
    Comment: commentOf(node),
    Variable: node.variable.name.value,
    Type: type(node.type),
    DefaultValue: node.defaultValue === undefined ? undefined : value(node.defaultValue),
    Directives: all(node.directives, directive),
    Used: false,
  })
}

function selection(node: GraphQL.SelectionNode): Value {
  const Directives = all(node.directives, directive)
  const Comment = commentOf(node)
  if (node.kind === 'FragmentSpread') return pruned({ Comment, Name: node.name.value, Directives })
  const SelectionSet = all(node.selectionSet?.selections, selection)
  if (node.kind === 'InlineFragment') return pruned({ Comment, TypeCondition: node.typeCondition?.name.value ?? '', Directives, SelectionSet })
  return pruned({ Comment, Alias: node.alias?.value ?? node.name.value, Name: node.name.value, Arguments: all(node.arguments, argument), Directives, SelectionSet })
}

function directive(node: GraphQL.DirectiveNode): Value {
  return pruned({ Name: node.name.value, Arguments: all(node.arguments, argument), Location: '' })
}

function argument(node: GraphQL.ArgumentNode | GraphQL.ObjectFieldNode): Value {
  return pruned({ Comment: commentOf(node), Name: node.name.value, Value: value(node.value) })
}

function type(node: GraphQL.TypeNode): Value {
  if (node.kind === 'NonNullType') {
    const inner = type(node.type)
    return inner instanceof RegoObject ? pruned({ NamedType: inner.get('NamedType'), Elem: inner.get('Elem'), NonNull: true }) : inner
  }
  return node.kind === 'ListType' ? pruned({ NamedType: '', Elem: type(node.type), NonNull: false }) : pruned({ NamedType: node.name.value, NonNull: false })
}

function value(node: GraphQL.ValueNode): Value {
  const of = (kind: (typeof kinds)[number], Raw: string, Children?: Value): Value => {
    const Comment = kind === 'ListValue' || kind === 'ObjectValue' ? commentOf(node) : undefined
    return pruned({ Comment, Kind: number(kinds.indexOf(kind)), Raw, Children, ExpectedTypeHasDefault: false })
  }
  switch (node.kind) {
    case 'Variable':
      return of('Variable', node.name.value)
    case 'IntValue':
    case 'FloatValue':
    case 'EnumValue':
      return of(node.kind, node.value)
    case 'BooleanValue':
      return of('BooleanValue', String(node.value))
    case 'NullValue':
      return of('NullValue', 'null')
    case 'StringValue':
      return of(node.block === true ? 'BlockValue' : 'StringValue', textOf(node))
    case 'ListValue':
      return of('ListValue', '', all(node.values, (inner) => pruned({ Name: '', Value: value(inner) })))
    case 'ObjectValue':
      return of('ObjectValue', '', all(node.fields, argument))
    default:
      return noAnswer()
  }
}

/** The indent of a block is taken with the first line in view, where the specification leaves that out. */
function textOf(node: GraphQL.StringValueNode): string {
  if (node.block !== true || node.loc === undefined) return node.value
  const raw = node.loc.source.body.slice(node.loc.start + 3, node.loc.end - 3).replaceAll('\\"""', '"""').replace(/\r\n?/g, '\n')
  const lines = raw.split('\n')
  const indents = lines.map((line) => line.search(/[^ \t]/)).filter((indent) => indent >= 0)
  const common = Math.min(...indents, Infinity)
  const cut = lines.map((line, index) => (index === 0 || common === Infinity ? line : line.slice(common)))
  const isBlank = (line: string | undefined): boolean => line !== undefined && /^[ \t]*$/.test(line)
  while (isBlank(cut[0])) cut.shift()
  while (isBlank(cut.at(-1))) cut.pop()
  return cut.join('\n')
}

const typeKinds = { Scalar: 'SCALAR', Object: 'OBJECT', Interface: 'INTERFACE', Union: 'UNION', Enum: 'ENUM', InputObject: 'INPUT_OBJECT' } as const

export function schemaObject(document: GraphQL.DocumentNode): Value {
  refuseComments(document)
  const found: Record<'Schema' | 'SchemaExtension' | 'Directives' | 'Definitions' | 'Extensions', Value[]> = { Schema: [], SchemaExtension: [], Directives: [], Definitions: [], Extensions: [] }
  for (const node of document.definitions) {
    if (node.kind === 'SchemaDefinition') found.Schema.push(root(node))
    else if (node.kind === 'SchemaExtension') found.SchemaExtension.push(root(node))
    else if (node.kind === 'DirectiveDefinition') found.Directives.push(directiveDefinition(node))
    else if (isType(node)) found[node.kind.endsWith('Extension') ? 'Extensions' : 'Definitions'].push(definition(node))
    else return noAnswer()
  }
  return pruned(found)
}

type TypeNode = GraphQL.TypeDefinitionNode | GraphQL.TypeExtensionNode

function isType(node: GraphQL.DefinitionNode): node is TypeNode {
  return /Type(?:Definition|Extension)$/.test(node.kind)
}

const description = (node: { readonly description?: GraphQL.StringValueNode }): string => (node.description === undefined ? '' : textOf(node.description))

function root(node: GraphQL.SchemaDefinitionNode | GraphQL.SchemaExtensionNode): Value {
  return pruned({
    Description: 'description' in node ? description(node as GraphQL.SchemaDefinitionNode) : '',
    Directives: all(node.directives, directive),
    OperationTypes: all(node.operationTypes, (one) => pruned({ Operation: one.operation, Type: one.type.name.value })),
  })
}

function definition(node: TypeNode): Value {
  const name = node.kind.replace(/Type(?:Definition|Extension)$/, '') as keyof typeof typeKinds
  return pruned({
    Kind: typeKinds[name],
    Description: 'description' in node ? description(node as GraphQL.TypeDefinitionNode) : '',
    Name: node.name.value,
    Directives: all(node.directives, directive),
    Interfaces: 'interfaces' in node ? all(node.interfaces, (one) => one.name.value) : undefined,
    Fields: 'fields' in node ? all<GraphQL.FieldDefinitionNode | GraphQL.InputValueDefinitionNode>(node.fields, field) : undefined,
    Types: 'types' in node ? all(node.types, (one) => one.name.value) : undefined,
    EnumValues: 'values' in node ? all(node.values, (one) => pruned({ Description: description(one), Name: one.name.value, Directives: all(one.directives, directive) })) : undefined,
    BuiltIn: false,
  })
}

function field(node: GraphQL.FieldDefinitionNode | GraphQL.InputValueDefinitionNode): Value {
  return pruned({
    Description: description(node),
    Name: node.name.value,
    Arguments: 'arguments' in node ? all(node.arguments, field) : undefined,
    DefaultValue: 'defaultValue' in node && node.defaultValue !== undefined ? value(node.defaultValue) : undefined,
    Type: type(node.type),
    Directives: all(node.directives, directive),
  })
}

function directiveDefinition(node: GraphQL.DirectiveDefinitionNode): Value {
  return pruned({
    Description: description(node),
    Name: node.name.value,
    Arguments: all(node.arguments, field),
    Locations: all(node.locations, (one) => one.value),
    IsRepeatable: node.repeatable,
  })
}
