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
    200: { description: 'OK', content: operation.media === undefined ? asJson(operation.answer === undefined ? { type: 'object' } : shape(operation.answer, 'output')) : { [operation.media]: {} } },
    default: { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  },
})

/** Its credential is the signature of a Git host, so it is no operation for callers with a token. */
const webhook = {
  operationId: 'policyWebhook',
  summary: 'A delivery of GitHub, GitLab, Gitea or Bitbucket, signed with the secret of policy.source.webhook: the repository is looked at now',
  security: [],
  requestBody: { required: true, content: { '*/*': {} } },
  responses: { 202: { description: 'Accepted' }, default: { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } } },
}

/** OpenAPI 3.1 speaks JSON Schema 2020-12, so the shapes are printed as they are. */
export function describeApi(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, operation] of Object.entries<Operation>(operations)) {
    const path = operation.path.replace(':id', '{id}')
    paths[path] = { ...paths[path], [operation.method]: describe(name, operation) }
  }
  paths['/policy/webhook'] = { post: webhook }
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
