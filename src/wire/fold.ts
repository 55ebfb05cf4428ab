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
  const names = Object.keys(object)
  if (names.length > 1 && !names.every((name) => PLAIN.test(name)) && new Set(names.map(fold)).size < names.length) return true
  return names.some((name) => hasTwins(object[name]))
}

/** Names that mean something to the protocol, by the form in which look-alikes are found. */
export type KnownNames = ReadonlyMap<string, string>

export function knownNames(names: readonly string[]): KnownNames {
  return new Map(names.map((name) => [fold(name), name]))
}

/** The known name that a member of `object` spells in another way, such as `name` where there is a member `Name`. */
export function lookAlike(object: { readonly [key: string]: unknown }, known: KnownNames): string | undefined {
  for (const name in object) {
    const meant = known.get(fold(name))
    if (meant !== undefined && meant !== name) return meant
  }
  return undefined
}
