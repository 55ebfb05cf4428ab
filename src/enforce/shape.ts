// What the protocol needs of a message, as far as a mask could take it away: a client or server must still be able to read
// what it gets. Members not named here are content and may become anything (MCP schema of each revision).
import { isObject } from '../exact-json.ts'
import type { Json, Message } from '../model.ts'
import { isList } from './pointer.ts'

type Shape =
  /** Must stay as it is. */
  | 'fixed'
  /** May change, but only into a text. */
  | 'text'
  /** Must stay an object. */
  | 'object'
  | { readonly each: Shape }
  | { readonly members: Readonly<Record<string, Shape>> }
  | { readonly every: Shape }

const members = (shapes: Readonly<Record<string, Shape>>): Shape => ({ members: shapes })
const each = (shape: Shape): Shape => ({ each: shape })
/** All members of an object alike. */
const every = (shape: Shape): Shape => ({ every: shape })

const meta = members({
  progressToken: 'fixed',
  'io.modelcontextprotocol/protocolVersion': 'fixed',
  'io.modelcontextprotocol/clientInfo': 'object',
  'io.modelcontextprotocol/clientCapabilities': 'object',
  'io.modelcontextprotocol/subscriptionId': 'fixed',
  'io.modelcontextprotocol/related-task': 'fixed',
  'io.modelcontextprotocol/logLevel': 'fixed',
})
const resource = members({ uri: 'fixed', mimeType: 'fixed', text: 'text', blob: 'text', _meta: meta })
const block = members({
  type: 'fixed',
  text: 'text',
  data: 'text',
  mimeType: 'fixed',
  uri: 'fixed',
  name: 'text',
  title: 'text',
  description: 'text',
  id: 'fixed',
  toolUseId: 'fixed',
  resource,
  _meta: meta,
})
const entry = members({
  name: 'fixed',
  uri: 'fixed',
  uriTemplate: 'fixed',
  mimeType: 'fixed',
  title: 'text',
  description: 'text',
  inputSchema: members({ type: 'fixed', properties: 'object' }),
  outputSchema: members({ type: 'fixed', properties: 'object' }),
  annotations: 'object',
  arguments: each(members({ name: 'fixed', description: 'text' })),
  _meta: meta,
})
const messages = each(members({ role: 'fixed', content: block }))
const implementation = members({ name: 'text', version: 'text', title: 'text' })
const task = members({
  taskId: 'fixed',
  status: 'fixed',
  statusMessage: 'text',
  ttl: 'fixed',
  pollInterval: 'fixed',
  createdAt: 'fixed',
  lastUpdatedAt: 'fixed',
})

/** What a server asks of the client: by a request of its own, or inside of a result. */
const asked = {
  messages,
  systemPrompt: 'text',
  maxTokens: 'fixed',
  mode: 'fixed',
  message: 'text',
  url: 'fixed',
  elicitationId: 'fixed',
  requestedSchema: members({ type: 'fixed', properties: 'object' }),
} as const satisfies Readonly<Record<string, Shape>>
/** What the client replies inside of its next request; what a person or a model said stands in `content`. */
const replied = members({ action: 'fixed', role: 'fixed', roots: each(members({ uri: 'fixed', name: 'text' })) })

const result = members({
  resultType: 'fixed',
  nextCursor: 'fixed',
  cacheScope: 'fixed',
  ttlMs: 'fixed',
  requestState: 'fixed',
  inputRequests: every(members({ method: 'fixed', params: members({ ...asked, _meta: meta }) })),
  isError: 'fixed',
  content: each(block),
  contents: each(resource),
  messages,
  description: 'text',
  instructions: 'text',
  tools: each(entry),
  prompts: each(entry),
  resources: each(entry),
  resourceTemplates: each(entry),
  completion: members({ values: each('text'), total: 'fixed', hasMore: 'fixed' }),
  protocolVersion: 'fixed',
  supportedVersions: 'fixed',
  capabilities: 'object',
  serverInfo: implementation,
  roots: each(members({ uri: 'fixed', name: 'text' })),
  role: 'fixed',
  model: 'text',
  action: 'fixed',
  stopReason: 'text',
  task,
  taskId: 'fixed',
  status: 'fixed',
  statusMessage: 'text',
  _meta: meta,
})
const params = members({
  name: 'fixed',
  uri: 'fixed',
  cursor: 'fixed',
  level: 'fixed',
  ref: 'fixed',
  argument: members({ name: 'fixed', value: 'text' }),
  context: members({ arguments: every('text') }),
  arguments: 'object',
  protocolVersion: 'fixed',
  capabilities: 'object',
  clientInfo: implementation,
  requestState: 'fixed',
  inputResponses: every(replied),
  progressToken: 'fixed',
  progress: 'fixed',
  total: 'fixed',
  logger: 'text',
  requestId: 'fixed',
  reason: 'text',
  taskId: 'fixed',
  status: 'fixed',
  task: 'object',
  ...asked,
  notifications: 'fixed',
  _meta: meta,
})
const promptParams = members({ name: 'fixed', arguments: every('text'), requestState: 'fixed', inputResponses: every(replied), _meta: meta })
/** The person's own fields stand in `content`. */
const elicited = members({ action: 'fixed', content: 'object', _meta: meta })
const error = members({ code: 'fixed', message: 'text' })
/** A task's state carries the whole answer of the call. */
const taskState = members({ ...(result as { readonly members: Readonly<Record<string, Shape>> }).members, result, error })

function shapeOf(message: Message): Shape {
  if (message.kind === 'error') return error
  if (message.kind === 'result') {
    if (message.method === 'elicitation/create') return elicited
    return message.method.startsWith('tasks/') ? taskState : result
  }
  return message.method === 'prompts/get' ? promptParams : params
}

/** The first place, as a pointer, where a mask took away what the protocol needs. */
export function brokenAt(message: Message, masked: Json): string | undefined {
  return check(shapeOf(message), message.body, masked, '')
}

function check(shape: Shape, before: Json, after: Json | undefined, path: string): string | undefined {
  if (before === after) return undefined
  if (shape === 'fixed') return path
  if (shape === 'text') return typeof before === 'string' && typeof after !== 'string' ? path : undefined
  if (shape === 'object') return isObject(before) && !isObject(after) ? path : undefined
  if (isList(before)) {
    if (!isList(after) || after.length !== before.length) return path
    // content may be one block or an array of them (sampling, from 2025-11-25 on)
    const inner = 'each' in shape ? shape.each : shape
    return firstOf(before.keys(), (index) => check(inner, before[index] as Json, after[index], `${path}/${index}`)) // in range
  }
  if (!isObject(before)) return undefined
  if (!isObject(after)) return path
  if ('each' in shape) return check(shape.each, before, after, path)
  const keys = 'members' in shape ? Object.keys(shape.members) : Object.keys(before)
  return firstOf(keys, (key) => {
    if (!Object.hasOwn(before, key)) return undefined
    const inner = 'members' in shape ? (shape.members[key] as Shape) : shape.every // a key of the shape
    return check(inner, before[key] as Json, Object.hasOwn(after, key) ? after[key] : undefined, `${path}/${key}`) // own
  })
}

function firstOf<T>(items: Iterable<T>, test: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = test(item)
    if (found !== undefined) return found
  }
  return undefined
}
