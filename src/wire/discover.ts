import type { JsonObject } from '../model.ts'
import { own, replace } from './envelope.ts'
import { isObject } from './json.ts'
import { isRevision } from './methods.ts'

/** The answer to `server/discover` without the revisions that only the server speaks: nothing judges their messages here. */
export function onlyServed(envelope: JsonObject): JsonObject {
  const result = own(envelope, 'result')
  const versions = isObject(result) ? own(result, 'supportedVersions') : undefined
  if (!isObject(result) || !Array.isArray(versions) || versions.every(isRevision)) return envelope
  return replace(envelope, 'result', replace(result, 'supportedVersions', versions.filter(isRevision)))
}
