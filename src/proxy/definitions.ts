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

/** How a server was asked for a list. */
export type Learnt =
  | { readonly kind: 'answered' }
  /** It was not: whoever wanted it may not list, or has no credential for the server. */
  | { readonly kind: 'unasked' }
  /** What a client is told in place of an answer. */
  | { readonly kind: 'failed'; readonly status: number; readonly message: string; /** The server itself failed: asked again at once, it would again. */ readonly isServers: boolean }

export interface Wanted {
  /** The caller, and what their client says that it can do: a server may list other things to others. */
  readonly asker: string
  readonly kind: Entry['kind']
  readonly name: string
  /** What is asked for together. */
  readonly key: string
}

/** What each server last said of its tools, prompts and resources. */
export interface Definitions {
  learn(upstream: string, entries: readonly { readonly kind: Entry['kind']; readonly name: string; readonly value: JsonObject }[]): void
  /** Lists what was not seen. What the server does not list it is asked for once in half a minute per asker and key, unless it says that its lists changed; whoever comes meanwhile waits for the same list. */
  list(upstream: string, wanted: Wanted, ask: () => Promise<Learnt>): Promise<Learnt>
  /** The server says that its lists changed: what it did not list it may list now. */
  changed(upstream: string): void
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
  const changes = new Map<string, number>()
  const listing = new Map<string, Promise<Learnt>>()
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
  const noteAsked = (key: string, at: number) => {
    asked.delete(key)
    asked.set(key, at)
    for (const oldest of asked.keys()) {
      if (asked.size <= perUpstream) break
      asked.delete(oldest)
    }
  }
  // Names are as long as their callers like.
  const digestOf = (parts: readonly string[]) => hash('sha256', JSON.stringify(parts))
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
    async list(upstream, { asker, kind, name, key: ofName }, ask) {
      const key = digestOf([upstream, ofName])
      const own = digestOf([asker, upstream, ofName])
      const isKnown = () => known.get(upstream)?.all.has(keyOf(kind, name)) === true
      const wasAsked = () => {
        const at = asked.get(own) ?? -Infinity
        return performance.now() - at < listAgainAfter && at > (changes.get(upstream) ?? -Infinity)
      }
      const askOwn = async () => {
        const at = performance.now()
        const learnt = await ask()
        // No tool is called where that failed, all else is.
        const isOver = learnt.kind === 'answered' || (learnt.kind === 'failed' && learnt.isServers && kind !== 'tool')
        // What was found may have to make room for others, and is then looked for anew.
        if (isOver && !isKnown()) noteAsked(own, at)
        return learnt
      }
      const share = (as: string) => {
        const asking = askOwn().finally(() => listing.delete(as))
        listing.set(as, asking)
        return asking
      }
      if (wasAsked()) return { kind: 'answered' }
      const shared = listing.get(key)
      if (shared !== undefined) {
        await shared.catch(() => undefined)
        // What somebody else's list did not bring says nothing: a server may list other things to others, and a caller could see to it that theirs comes to nothing.
        if (isKnown() || wasAsked()) return { kind: 'answered' }
        const another = listing.get(own)
        if (another === undefined) return share(own)
        const learnt = await another.catch(() => undefined)
        // Another session or token of the same caller may have been refused it, or have ended.
        return learnt?.kind === 'answered' || (learnt?.kind === 'failed' && learnt.isServers) ? learnt : askOwn()
      }
      return share(key)
    },
    changed: (upstream) => void changes.set(upstream, performance.now()),
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
