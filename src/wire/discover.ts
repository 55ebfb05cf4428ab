import { isObject } from '../exact-json.ts'
import type { JsonObject } from '../model.ts'
import { CLIENT_CAPABILITIES, metaOf, own, replace } from './envelope.ts'
import { isRevision } from './methods.ts'

/** The answer to `server/discover` without the revisions that only the server speaks: nothing judges their messages here. */
export function onlyServed(envelope: JsonObject): JsonObject {
  const result = own(envelope, 'result')
  const versions = isObject(result) ? own(result, 'supportedVersions') : undefined
  if (!isObject(result) || !Array.isArray(versions) || versions.every(isRevision)) return envelope
  return replace(envelope, 'result', replace(result, 'supportedVersions', versions.filter(isRevision)))
}

/** https://github.com/modelcontextprotocol/ext-tasks, specification: a client says with every request that it can take a task. */
const TASKS = 'io.modelcontextprotocol/tasks'

export function declaresTasks(params: JsonObject): boolean {
  const capabilities = own(metaOf(params), CLIENT_CAPABILITIES)
  const extensions = isObject(capabilities) ? own(capabilities, 'extensions') : undefined
  return isObject(extensions) && isObject(own(extensions, TASKS))
}

/** The same request of a client that can take none: the gateway has given the task already, and two would be one too many. */
export function withoutTasks(envelope: JsonObject): JsonObject {
  const params = own(envelope, 'params')
  if (!isObject(params) || !declaresTasks(params)) return envelope
  const meta = metaOf(params)
  const capabilities = own(meta, CLIENT_CAPABILITIES) as JsonObject // declaresTasks has looked
  const { [TASKS]: _tasks, ...extensions } = capabilities['extensions'] as JsonObject
  return replace(envelope, 'params', replace(params, '_meta', replace(meta, CLIENT_CAPABILITIES, replace(capabilities, 'extensions', extensions))))
}

/** The answer to `server/discover` for a client that can take tasks: the gateway may give one even where its server has none. */
export function offersTasks(envelope: JsonObject): JsonObject {
  const result = own(envelope, 'result')
  const capabilities = isObject(result) ? own(result, 'capabilities') : undefined
  if (!isObject(result) || !isObject(capabilities)) return envelope
  const extensions = own(capabilities, 'extensions')
  const known = isObject(extensions) ? extensions : {}
  if (Object.hasOwn(known, TASKS)) return envelope
  return replace(envelope, 'result', replace(result, 'capabilities', replace(capabilities, 'extensions', { ...known, [TASKS]: {} })))
}
