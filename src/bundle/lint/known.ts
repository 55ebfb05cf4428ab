import type { JsonObject } from '../../model.ts'
import type { Modules } from '../opa.ts'

const directions = ['to_server', 'to_client']
const kinds = ['request', 'notification', 'result', 'error']
const calls = ['tool', 'prompt', 'resource']

/** Members of the input that have only so many values; a test compares them with the schema of the input. */
export const valuesOfInput = {
  'input/actor/kind': ['person', 'service', 'agent', 'nobody'],
  'input/message/direction': directions,
  'input/message/kind': kinds,
  'input/message/call/kind': calls,
  'input/request/direction': directions,
  'input/request/kind': kinds,
  'input/request/call/kind': calls,
  'input/entries/*/kind': calls,
  'input/findings/*/confidence': ['low', 'medium', 'high'],
} as const

/** The library's own table of the messages that some revision of MCP knows. */
const methodsOf = (library: string): readonly string[] => [...library.matchAll(/^\w+\("([^"]+)"\) := /gm)].flatMap(([, method]) => (method === undefined ? [] : [method]))

export const known = (modules: Modules, detectors: readonly string[]): JsonObject => ({
  detectors,
  methods: methodsOf(modules['sallyport/methods.rego'] ?? ''),
  values: valuesOfInput,
})
