const PLAIN = /^[a-z0-9_/.$-]*$/

/**
 * Names that fold equal are one name to readers that ignore case. Lower, then upper, joins all that Unicode's full case folding
 * joins (ſ with s, the Kelvin sign with k, ß and ẞ with ss), and a little more (ı with i).
 */
export function fold(name: string): string {
  return name.toLowerCase().toUpperCase()
}

/** True if an object at any depth has two names that fold equal. */
export function hasTwins(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(hasTwins)
  const object = value as { readonly [key: string]: unknown }
  let arePlain = true
  for (const name in object) {
    arePlain &&= PLAIN.test(name)
    if (hasTwins(object[name])) return true
  }
  if (arePlain) return false
  const names = Object.keys(object)
  return new Set(names.map(fold)).size < names.length
}

/** Names that mean something to the protocol. */
export interface KnownNames {
  readonly spelt: ReadonlySet<string>
  /** By the form in which look-alikes are found. */
  readonly folded: ReadonlyMap<string, string>
}

export function knownNames(names: readonly string[]): KnownNames {
  return { spelt: new Set(names), folded: new Map(names.map((name) => [fold(name), name])) }
}

/** The known name that a member of `object` spells in another way, such as `name` where there is a member `Name`. */
export function lookAlike(object: { readonly [key: string]: unknown }, { spelt, folded }: KnownNames): string | undefined {
  for (const name in object) {
    if (spelt.has(name)) continue
    const meant = folded.get(fold(name))
    if (meant !== undefined) return meant
  }
  return undefined
}
