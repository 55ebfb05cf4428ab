import { hash } from 'node:crypto'
import { isObject } from '../exact-json.ts'
import type { Entry, Json, JsonObject } from '../model.ts'

export interface Definition {
  readonly annotations: JsonObject
  readonly definition_sha256: string
  readonly inputSchema: Json | undefined
  readonly outputSchema: Json | undefined
}

/** What each server last said of its tools, prompts and resources. */
export interface Definitions {
  learn(upstream: string, entries: readonly { readonly kind: Entry['kind']; readonly name: string; readonly value: JsonObject }[]): void
  /** Lists what was not seen, at most once in half a minute per name; whoever comes meanwhile waits for the same list. */
  list(upstream: string, name: string, ask: () => Promise<void>): Promise<void>
  get(upstream: string, kind: Entry['kind'], name: string): Definition | undefined
  /** Annotations and digest of the definition last seen. */
  describe(upstream: string, kind: Entry['kind'], name: string): { annotations: JsonObject; definition_sha256?: string }
}

const perUpstream = 20_000

const listAgainAfter = 30_000

export function createDefinitions(print: (value: Json) => string): Definitions {
  const asked = new Map<string, number>()
  const listing = new Map<string, Promise<void>>()
  const known = new Map<string, Map<string, Definition>>()
  const digests = new WeakMap<JsonObject, Definition>()

  const read = (value: JsonObject): Definition => {
    const before = digests.get(value)
    if (before !== undefined) return before
    const { name, uri, uriTemplate, description, inputSchema, outputSchema, annotations, arguments: args } = value
    const hashed = { name, uri, uriTemplate, description, inputSchema, outputSchema, annotations, arguments: args }
    const parts = Object.entries(hashed).filter((entry): entry is [string, Json] => entry[1] !== undefined)
    const definition: Definition = {
      annotations: isObject(annotations) ? annotations : {},
      definition_sha256: hash('sha256', print(Object.fromEntries(parts))),
      inputSchema,
      outputSchema,
    }
    digests.set(value, definition)
    return definition
  }
  const keyOf = (kind: Entry['kind'], name: string) => `${kind} ${name}`

  return {
    learn(upstream, entries) {
      const map = known.get(upstream) ?? new Map<string, Definition>()
      known.set(upstream, map)
      for (const { kind, name, value } of entries.slice(-perUpstream)) {
        map.delete(keyOf(kind, name))
        map.set(keyOf(kind, name), read(value))
      }
      for (const oldest of map.keys()) {
        if (map.size <= perUpstream) break
        map.delete(oldest)
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
    get: (upstream, kind, name) => known.get(upstream)?.get(keyOf(kind, name)),
    describe(upstream, kind, name) {
      const definition = known.get(upstream)?.get(keyOf(kind, name))
      return definition === undefined ? { annotations: {} } : { annotations: definition.annotations, definition_sha256: definition.definition_sha256 }
    },
  }
}
