import { createHash } from 'node:crypto'
import { isObject } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import { sourceOf } from '../printed.ts'
import { Edits } from './edits.ts'
import { isList } from './pointer.ts'

/** Characters of base64 that are always kept. */
export const mostKept = 64 * 1024

/** The base64 of image, audio and resource blocks over 64 KiB as `{omitted: {bytes, sha256, mime_type}}`; all else as it is. */
export function omitLargeBlobs(body: JsonObject): JsonObject {
  if ((sourceOf(body)?.length ?? Infinity) <= mostKept || !holdsLarge(body)) return body
  const edits = new Edits()
  collect(body, [], edits)
  // members of an object stay an object
  return edits.count() === 0 ? body : (edits.apply(body) as JsonObject)
}

/** Most bodies hold no text of such a length at all. */
function holdsLarge(value: Json): boolean {
  if (typeof value === 'string') return value.length > mostKept
  if (typeof value !== 'object' || value === null) return false
  if (isList(value)) {
    for (let index = 0; index < value.length; index++) if (holdsLarge(value[index] as Json)) return true // in range
    return false
  }
  for (const key in value) if (holdsLarge((value as JsonObject)[key] as Json)) return true // own: a JSON value
  return false
}

function collect(value: Json, place: readonly string[], edits: Edits): void {
  if (isList(value)) for (const [index, element] of value.entries()) collect(element, [...place, String(index)], edits)
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const member = value[key] as Json // own
      if (typeof member === 'string') {
        // four characters carry three bytes
        if (member.length > mostKept && isBlob(value, key)) {
          const bytes = Buffer.from(member, 'base64')
          if (bytes.length > mostKept) edits.replace([...place, key], { kind: 'value', value: omitted(bytes, value['mimeType']) })
        }
      } else if (typeof member === 'object' && member !== null) collect(member, [...place, key], edits)
    }
  }
}

const isBlob = (holder: JsonObject, key: string): boolean =>
  key === 'blob' || (key === 'data' && (holder['type'] === 'image' || holder['type'] === 'audio' || typeof holder['mimeType'] === 'string'))

function omitted(bytes: Buffer, mimeType: Json | undefined): JsonObject {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { omitted: { bytes: bytes.length, sha256, mime_type: typeof mimeType === 'string' ? mimeType : null } }
}
