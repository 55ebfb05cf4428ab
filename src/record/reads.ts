import { overlap } from '../places.ts'

/** What the rules of a bundle read of that which is kept only where they do. */
export interface Reads {
  readonly annotations: boolean
  readonly definitions: boolean
  readonly claims: boolean
}

const everything: Reads = { annotations: true, definitions: true, claims: true }

/** By the bundle's paths, which are one array as long as it is active; undefined where nobody can tell what is read. */
export function createReads(): (paths: readonly string[] | undefined) => Reads {
  const compiled = new WeakMap<readonly string[], Reads>()
  return (paths) => {
    if (paths === undefined) return everything
    const known = compiled.get(paths)
    if (known !== undefined) return known
    const touches = (...places: readonly string[]) => paths.some((path) => places.some((place) => overlap(path, place)))
    const made = {
      annotations: touches('/message/call/annotations', '/request/call/annotations', '/entries/*/annotations'),
      definitions: touches('/message/call/definition_sha256', '/request/call/definition_sha256', '/entries/*/definition_sha256'),
      claims: touches('/actor/claims'),
    }
    compiled.set(paths, made)
    return made
  }
}
