import { hash } from 'node:crypto'
import { isObject } from '../exact-json.ts'
import type { Entry, Json, JsonObject } from '../model.ts'

export interface Definition {
  readonly annotations: JsonObject
  readonly definition_sha256: string
  readonly inputSchema: Json | undefined
  readonly outputSchema: Json | undefined
  /** Characters of it. */
  readonly length: number
}

/** What each server last said of its tools, prompts and resources. */
export interface Definitions {
  learn(upstream: string, entries: readonly { readonly kind: Entry['kind']; readonly name: string; readonly value: JsonObject }[]): void
  /** Lists what was not seen, at most once in half a minute per name; whoever comes meanwhile waits for the same list. */
  list(upstream: string, name: string, ask: () => Promise<void>): Promise<void>
  get(upstream: string, kind: Entry['kind'], name: string): Definition | undefined
  /** Annotations and digest of an entry as it stands in a list. */
  describeEntry(value: JsonObject): { annotations: JsonObject; definition_sha256: string }
  /** … and of the definition last seen. */
  describe(upstream: string, kind: Entry['kind'], name: string): { annotations: JsonObject; definition_sha256?: string }
}

const perUpstream = 20_000
/** Characters of all that is kept of one server, but for the newest. */
const mostLength = 16 * 1024 * 1024

const listAgainAfter = 30_000

export function createDefinitions(print: (value: Json) => string): Definitions {
  const asked = new Map<string, number>()
  const listing = new Map<string, Promise<void>>()
  const known = new Map<string, { readonly all: Map<string, Definition>; length: number }>()
  const digests = new WeakMap<JsonObject, Definition>()

  const read = (value: JsonObject): Definition => {
    const before = digests.get(value)
    if (before !== undefined) return before
    const { name, uri, uriTemplate, description, inputSchema, outputSchema, annotations, arguments: args } = value
    const hashed = { name, uri, uriTemplate, description, inputSchema, outputSchema, annotations, arguments: args }
    const parts = Object.entries(hashed).filter((entry): entry is [string, Json] => entry[1] !== undefined)
    const text = print(Object.fromEntries(parts))
    const definition: Definition = { annotations: isObject(annotations) ? annotations : {}, definition_sha256: hash('sha256', text), inputSchema, outputSchema, length: text.length }
    digests.set(value, definition)
    return definition
  }
  const keyOf = (kind: Entry['kind'], name: string) => `${kind} ${name}`

  return {
    learn(upstream, entries) {
      const own = known.get(upstream) ?? { all: new Map<string, Definition>(), length: 0 }
      known.set(upstream, own)
      const forget = (key: string) => {
        own.length -= own.all.get(key)?.length ?? 0
        own.all.delete(key)
      }
      for (const { kind, name, value } of entries.slice(-perUpstream)) {
        const definition = read(value)
        forget(keyOf(kind, name))
        own.all.set(keyOf(kind, name), definition)
        own.length += definition.length
      }
      for (const oldest of own.all.keys()) {
        if (own.all.size <= perUpstream && (own.length <= mostLength || own.all.size === 1)) break
        forget(oldest)
      }
    },
    async list(upstream, name, ask) {
      const key = `${upstream} ${name}`
      const now = performance.now()
      // Of somebody else's list only what it brought matters here.
      if (now - (asked.get(key) ?? -Infinity) < listAgainAfter) return listing.get(key)?.catch(() => undefined)
      asked.delete(key)
      asked.set(key, now)
      for (const oldest of asked.keys()) {
        if (asked.size <= perUpstream) break
        asked.delete(oldest)
      }
      const asking = ask().finally(() => listing.delete(key))
      listing.set(key, asking)
      await asking
    },
    get: (upstream, kind, name) => known.get(upstream)?.all.get(keyOf(kind, name)),
    describeEntry(value) {
      const { annotations, definition_sha256 } = read(value)
      return { annotations, definition_sha256 }
    },
    describe(upstream, kind, name) {
      const definition = known.get(upstream)?.all.get(keyOf(kind, name))
      return definition === undefined ? { annotations: {} } : { annotations: definition.annotations, definition_sha256: definition.definition_sha256 }
    },
  }
}
