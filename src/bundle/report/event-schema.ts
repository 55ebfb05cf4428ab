import { isObject } from '../../exact-json.ts'

const text = { type: 'string' }
const texts = { type: 'array', items: text }

/** The JSON schema of an event of the decision log, which holds the question: the input of `package system.log`. */
export const schemaOfEvent = (question: unknown): object => {
  const { definitions = {}, $schema: _, ...input } = isObject(question) ? question : {}
  return {
    type: 'object',
    properties: {
      labels: { type: 'object', additionalProperties: text },
      decision_id: text,
      bundles: { type: 'object', properties: { sallyport: { type: 'object', properties: { revision: text } } } },
      path: text,
      input,
      result: {
        type: 'object',
        properties: {
          kind: { enum: ['allow', 'deny', 'mask', 'require_approval'] },
          reasons: { type: 'array', items: { type: 'object', properties: { code: text, message: text, rule: text } } },
          mask: { type: 'array', items: {} },
          approval: { type: 'object' },
          risk: { type: 'number' },
          listed: { type: 'array', items: { type: 'integer' } },
        },
      },
      erased: texts,
      masked: texts,
      requested_by: text,
      timestamp: text,
    },
    definitions,
  }
}
