import { isObject } from './exact-json.ts'
import type { Json, JsonObject } from './model.ts'

// Reading what an issuer says of somebody, in tokens of any use.

export const ownClaim = (value: unknown, name: string): Json | undefined => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined)

/** A claim by its name (which may be a URI with dots), or else by a way through objects such as `realm_access.roles` or `kubernetes.io.namespace`. */
export function claimAt(claims: Json | undefined, path: string): Json | undefined {
  const whole = ownClaim(claims, path)
  if (whole !== undefined) return whole
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const inner = ownClaim(claims, path.slice(0, dot))
    const found = inner === undefined ? undefined : claimAt(inner, path.slice(dot + 1))
    if (found !== undefined) return found
  }
  return undefined
}

export const isSubject = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 1024 && !/[\u0000-\u001f\u007f]/.test(value)

// Entra ID leaves the groups out when there are too many and names where they could be asked for instead.
const isOverage = (claims: JsonObject, path: string): boolean => {
  const names = ownClaim(claims, '_claim_names')
  const head = path.split('.')[0] ?? path
  return ownClaim(names, path) !== undefined || ownClaim(names, head) !== undefined || ownClaim(names, 'groups') !== undefined || ownClaim(claims, 'hasgroups') === true || ownClaim(claims, 'hasgroups') === 'true'
}

/** The groups as they are listed; `absent` where nothing is said of them, `unknown` where they were left out or cannot be read. */
export function groupsAt(claims: JsonObject, path: string): readonly string[] | 'absent' | 'unknown' {
  if (isOverage(claims, path)) return 'unknown'
  const given = claimAt(claims, path)
  if (given === undefined) return 'absent'
  const listed = typeof given === 'string' ? [given] : given
  if (!Array.isArray(listed) || !listed.every((group) => typeof group === 'string')) return 'unknown'
  return (listed as readonly string[]).filter((group) => group !== '')
}
