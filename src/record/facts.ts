import type { Actor, Call, Json, JsonObject, Question } from '../model.ts'
import type { Reads } from './reads.ts'

/** Prints what many messages have in common, each thing once. */
export interface FactPrinter {
  /** Of a definition: what is read of it. */
  facts(of: Pick<Call, 'annotations' | 'definition_sha256'>, reads: Reads): string
  /** Where the actor is not the session's: what is another. */
  actor(now: Actor, then: Actor | undefined, reads: Reads): string
  labels(labels: Question['upstream']['labels']): string
}

export function createFactPrinter(isClean: (value: Json) => boolean): FactPrinter {
  const actors = new WeakMap<Actor, { readonly who: string; readonly claims: string }>()
  const clean = new WeakMap<JsonObject, string | undefined>()
  const labelled = new WeakMap<object, string>()

  /** Undefined where something was detected in it: a server says of its tools what it likes. */
  const printClean = (annotations: JsonObject): string | undefined => {
    if (clean.has(annotations)) return clean.get(annotations)
    const printed = isClean(annotations) ? JSON.stringify(annotations) : undefined
    clean.set(annotations, printed)
    return printed
  }
  const printActor = (actor: Actor): { readonly who: string; readonly claims: string } => {
    const known = actors.get(actor)
    if (known !== undefined) return known
    const { claims, ...who } = actor as Actor & { readonly claims?: JsonObject }
    const made = { who: JSON.stringify(who), claims: JSON.stringify(claims ?? {}) }
    actors.set(actor, made)
    return made
  }
  return {
    facts({ annotations, definition_sha256 }, reads) {
      const shown = reads.annotations ? printClean(annotations) : undefined
      const parts = [...(shown === undefined ? [] : [`"annotations":${shown}`]), ...(reads.definitions ? [`"definition_sha256":${JSON.stringify(definition_sha256 ?? null)}`] : [])]
      return parts.join(',')
    },
    actor(now, then, reads) {
      if (then === now) return ''
      const is = printActor(now)
      const was = then === undefined ? undefined : printActor(then)
      const claims = is.claims === was?.claims ? '' : `,"claims":${reads.claims ? is.claims : 'null'}`
      return is.who === was?.who ? claims : `,"actor":${is.who}${claims}`
    },
    labels(labels) {
      const known = labelled.get(labels)
      if (known !== undefined) return known
      const made = Object.keys(labels).length === 0 ? '' : `,"labels":${JSON.stringify(labels)}`
      labelled.set(labels, made)
      return made
    },
  }
}
