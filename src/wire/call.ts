import { isObject } from '../exact-json.ts'
import type { Call, JsonObject } from '../model.ts'
import { own } from './envelope.ts'
import { hidesUri, shownUri } from './uri.ts'

export { keepListed, listOf, privateCaching } from './list.ts'

export type NamedCall = Pick<Call, 'kind' | 'name' | 'arguments' | 'template'>
export type ReadCall =
  | { readonly kind: 'call'; readonly call: NamedCall }
  /** `params` name no tool, prompt or resource. */
  | { readonly kind: 'none' }
  /** `params` are not what the method takes; nothing may act on them. */
  | { readonly kind: 'problem'; readonly message: string }

const readers: { readonly [method: string]: (body: JsonObject) => ReadCall } = {
  'tools/call': (body) => named('tool', body),
  'prompts/get': (body) => named('prompt', body),
  'resources/read': resource,
  'resources/subscribe': resource,
  'resources/unsubscribe': resource,
  'completion/complete': completed,
  'tasks/get': task,
  'tasks/result': task,
  'tasks/cancel': task,
  'tasks/update': task,
}

/** The tool, prompt or resource that a request is about: for a completion, what it completes. */
export function callOf(method: string, body: JsonObject): ReadCall {
  return Object.hasOwn(readers, method) ? (readers[method] as (body: JsonObject) => ReadCall)(body) : { kind: 'none' }
}

/** What a body names by itself, where it is one that its method takes. */
export function namedCall(method: string, body: JsonObject): NamedCall | undefined {
  const read = callOf(method, body)
  return read.kind === 'call' ? read.call : undefined
}

/** A task stands for the call that made it, which only the session knows. */
function task(body: JsonObject): ReadCall {
  return typeof own(body, 'taskId') === 'string' ? { kind: 'none' } : problem('expected params.taskId to be a string')
}

function named(kind: 'tool' | 'prompt', body: JsonObject): ReadCall {
  const name = own(body, 'name')
  const args = own(body, 'arguments')
  if (typeof name !== 'string') return problem('expected params.name to be a string')
  if (args !== undefined && !isObject(args)) return problem('expected params.arguments to be an object')
  return call(kind, name, args ?? {})
}

function resource(body: JsonObject): ReadCall {
  const uri = own(body, 'uri')
  if (typeof uri !== 'string') return problem('expected params.uri to be a string')
  return hidesUri(uri) ? problem(`expected params.uri to be ${shownUri}`) : call('resource', uri, {})
}

function completed(body: JsonObject): ReadCall {
  const { ref, argument, context } = body
  if (!isObject(ref)) return problem('expected params.ref to be an object')
  if (!isObject(argument) || typeof argument['name'] !== 'string' || typeof argument['value'] !== 'string') {
    return problem('expected params.argument to have a name and a value, both strings')
  }
  const args = isObject(context) ? own(context, 'arguments') : undefined
  if ((context !== undefined && !isObject(context)) || (args !== undefined && !isObject(args))) {
    return problem('expected params.context to be an object, and its arguments too')
  }
  if (ref['type'] === 'ref/prompt') {
    return typeof ref['name'] === 'string' ? call('prompt', ref['name'], args ?? {}) : problem('expected params.ref.name to be a string')
  }
  if (ref['type'] === 'ref/resource') {
    if (typeof ref['uri'] !== 'string') return problem('expected params.ref.uri to be a string')
    if (hidesUri(ref['uri'])) return problem(`expected params.ref.uri to be ${shownUri}`)
    return call('resource', ref['uri'], args ?? {}, isTemplate(ref['uri']))
  }
  return problem('expected params.ref.type to be ref/prompt or ref/resource')
}

/** RFC 6570: an expression stands in braces, which no URI has. */
function isTemplate(uri: string): boolean {
  return uri.includes('{')
}

function call(kind: Call['kind'], name: string, args: JsonObject, template = false): ReadCall {
  return { kind: 'call', call: { kind, name, arguments: args, template } }
}

function problem(message: string): ReadCall {
  return { kind: 'problem', message }
}

