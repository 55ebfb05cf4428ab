import { builtin, noAnswer, orElse, type Charge, type HostBuiltin } from '../builtin.ts'
import { objectOf, RegoObject, type Value } from '../value.ts'
import { parse, queryObject, schemaObject } from './document.ts'
import type { GraphQL } from './library.ts'
import { printQuery, printSchema } from './print.ts'
import { isValid, schemaOf } from './validate.ts'

const maxBytes = 16 * 1024
const parseFuel = 100
/** Building and checking a schema, and comparing the fields of a query with each other. */
const schemaFuel = 300
const pairFuel = 20

function documentOf(value: Value | undefined, print: (object: RegoObject) => string, charge: Charge): GraphQL.DocumentNode {
  const text = typeof value === 'string' ? value : value instanceof RegoObject ? print(value) : noAnswer()
  charge(10_000 + parseFuel * text.length)
  return parse(text) ?? noAnswer()
}

const queryOf = (value: Value | undefined, charge: Charge): GraphQL.DocumentNode => documentOf(value, printQuery, charge)
const schemaDocument = (value: Value | undefined, charge: Charge): GraphQL.DocumentNode => documentOf(value, printSchema, charge)

function check(document: GraphQL.DocumentNode, charge: Charge): GraphQL.GraphQLSchema {
  // The members of a union and the interfaces of a type are compared with each other.
  const listed = document.loc?.source.body.match(/[|&]/g)?.length ?? 0
  charge(schemaFuel * (document.loc?.end ?? 0) + 100_000 + pairFuel * listed * listed)
  return schemaOf(document) ?? noAnswer()
}

interface Checked {
  readonly query: GraphQL.DocumentNode
  readonly schema: GraphQL.DocumentNode
}

function checkBoth(query: Value | undefined, schema: Value | undefined, charge: Charge): Checked {
  const checked = { query: queryOf(query, charge), schema: schemaDocument(schema, charge) }
  if (checked.query.definitions.some(({ kind }) => kind !== 'OperationDefinition' && kind !== 'FragmentDefinition')) noAnswer()
  const built = check(checked.schema, charge)
  const names = checked.query.loc?.source.body.match(/\w+/g)?.length ?? 0
  charge(100_000 + pairFuel * names * names)
  return isValid(built, checked.query) ? checked : noAnswer()
}

export const graphqlBuiltins = {
  'graphql.is_valid': builtin(([query, schema], charge) => orElse(false, () => checkBoth(query, schema, charge) !== undefined), maxBytes),
  'graphql.parse': builtin(([query, schema], charge) => {
    const checked = checkBoth(query, schema, charge)
    return [queryObject(checked.query), schemaObject(checked.schema)]
  }, maxBytes),
  'graphql.parse_and_verify': builtin(([query, schema], charge) => {
    return orElse([false, objectOf({}), objectOf({})], () => {
      const checked = checkBoth(query, schema, charge)
      return [true, queryObject(checked.query), schemaObject(checked.schema)]
    })
  }, maxBytes),
  'graphql.parse_query': builtin(([query], charge) => (typeof query === 'string' ? queryObject(queryOf(query, charge)) : noAnswer()), maxBytes),
  'graphql.parse_schema': builtin(([schema], charge) => (typeof schema === 'string' ? schemaObject(schemaDocument(schema, charge)) : noAnswer()), maxBytes),
  'graphql.schema_is_valid': builtin(([schema], charge) => orElse(false, () => check(schemaDocument(schema, charge), charge) !== undefined), maxBytes),
} satisfies Record<string, HostBuiltin>
