/** Whether schemas and queries are sound, as OPA's library has it: more lenient than the specification in some places. */
import { graphql, type GraphQL } from './library.ts'

type Definition = GraphQL.DefinitionNode

/** What is extended without being defined counts as defined. */
function merged(document: GraphQL.DocumentNode): GraphQL.DocumentNode {
  const known = new Set<string>()
  for (const node of document.definitions) if (/TypeDefinition$/.test(node.kind) && 'name' in node && node.name !== undefined) known.add(node.name.value)
  const definitions = document.definitions.map((node): Definition => {
    if (!/TypeExtension$/.test(node.kind) || !('name' in node) || node.name === undefined || known.has(node.name.value)) return node
    known.add(node.name.value)
    return { ...node, kind: node.kind.replace('Extension', 'Definition') } as Definition // the two differ in their kind
  })
  return { ...document, definitions }
}

/** Undefined for a schema that is not sound. */
export function schemaOf(document: GraphQL.DocumentNode): GraphQL.GraphQLSchema | undefined {
  const library = graphql()
  const whole = merged(document)
  const names = new Set(whole.definitions.flatMap((node) => ('name' in node && node.name !== undefined ? [node.name.value] : [])))
  if (library.specifiedScalarTypes.some(({ name }) => names.has(name)) || document.definitions.some((node) => node.kind === 'OperationDefinition')) return undefined
  const schema = build(whole)
  return schema === undefined || library.validateSchema(schema).some(({ message }) => !isTolerated(message)) ? undefined : schema
}

/** A schema without queries says nothing wrong, nor does a union of nothing. */
function isTolerated(message: string): boolean {
  return message.startsWith('Query root type must be') || /^Union type \w+ must define one or more member types/.test(message)
}

function build(document: GraphQL.DocumentNode): GraphQL.GraphQLSchema | undefined {
  try {
    return graphql().buildASTSchema(document)
  } catch {
    return undefined
  }
}

export function isValid(schema: GraphQL.GraphQLSchema, query: GraphQL.DocumentNode): boolean {
  const library = graphql()
  // The library's rules look at nothing below an operation for which the schema has no type.
  if (query.definitions.some((node) => node.kind === 'OperationDefinition' && schema.getRootType(node.operation) == null)) return false
  const open = new library.GraphQLSchema({ ...schema.toConfig(), assumeValid: true })
  return query.definitions.length === 0 || library.validate(open, query, library.specifiedRules, { maxErrors: 1 }).length === 0
}
