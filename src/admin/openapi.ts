import { z } from 'zod'
import { problem } from './contract/shapes.ts'
import { operations, type Operation } from './contract/index.ts'

const shape = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
const asJson = (schema: object) => ({ 'application/json': { schema } })

const parametersOf = (operation: Operation) => [
  ...(operation.path.includes(':id') ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] : []),
  ...Object.entries(operation.query === undefined ? {} : (operation.query.shape as Record<string, z.ZodType>)).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: shape(schema, 'input'),
  })),
]

const describe = (name: string, operation: Operation) => ({
  operationId: name,
  summary: operation.summary,
  description: operation.roles === 'anyone' ? 'For every authenticated caller.' : `For the roles ${operation.roles.join(', ')}.`,
  parameters: parametersOf(operation),
  ...(operation.body === undefined ? {} : { requestBody: { required: true, content: asJson(shape(operation.body, 'input')) } }),
  responses: {
    200: { description: 'OK', content: asJson(operation.answer === undefined ? { type: 'object' } : shape(operation.answer, 'output')) },
    default: { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  },
})

/** OpenAPI 3.1 speaks JSON Schema 2020-12, so the shapes are printed as they are. */
export function describeApi(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const path = operation.path.replace(':id', '{id}')
    paths[path] = { ...paths[path], [operation.method]: describe(name, operation) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sallyport admin API', version: '1', description: 'Sessions, approvals, policy and servers of a Sallyport gateway.' },
    servers: [{ url: '/api/v1' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'audience: <public_url>/api/v1' } },
      schemas: { Problem: shape(problem, 'output') },
    },
  }
}
