/**
 * The builtins this host provides beside those that OPA compiles into the module. What opa-wasm brings and is not here is left
 * out on purpose: YAML is read differently by OPA's own evaluator, and a decision must not depend on who evaluates it.
 */
import type { HostBuiltin } from './builtin.ts'
import { regexBuiltins } from './regex.ts'
import { sprintf } from './sprintf.ts'
import { textBuiltins } from './text.ts'
import { timeBuiltins } from './time.ts'

export type { HostBuiltin } from './builtin.ts'

export const hostBuiltins: Readonly<Record<string, HostBuiltin>> = {
  ...regexBuiltins,
  ...textBuiltins,
  ...timeBuiltins,
  sprintf,
}
