/**
 * The builtins this host provides beside those that OPA compiles into the module. What opa-wasm brings and is not here is left
 * out on purpose: YAML is read differently by OPA's own evaluator, and a decision must not depend on who evaluates it.
 */
import type { HostBuiltin } from './builtin.ts'
import { digestBuiltins } from './digest.ts'
import { encodeBuiltins } from './encode.ts'
import { globBuiltins } from './globs.ts'
import { graphqlBuiltins } from './graphql/index.ts'
import { patchBuiltins } from './json-patch.ts'
import { jwtBuiltins } from './jwt.ts'
import { netBuiltins } from './net.ts'
import { regexBuiltins } from './regex.ts'
import { schemaBuiltins } from './schema/index.ts'
import { sprintf } from './sprintf.ts'
import { structureBuiltins } from './structure.ts'
import { textBuiltins } from './text.ts'
import { timeBuiltins } from './time.ts'
import { unitBuiltins } from './units.ts'
import { uriBuiltins } from './uri.ts'
import { versionBuiltins } from './version.ts'
import { x509Builtins } from './x509/index.ts'
import { yamlBuiltins } from './yaml.ts'

export type { HostBuiltin } from './builtin.ts'

export const hostBuiltins: Readonly<Record<string, HostBuiltin>> = {
  ...digestBuiltins,
  ...encodeBuiltins,
  ...globBuiltins,
  ...graphqlBuiltins,
  ...jwtBuiltins,
  ...patchBuiltins,
  ...netBuiltins,
  ...regexBuiltins,
  ...schemaBuiltins,
  ...structureBuiltins,
  ...textBuiltins,
  ...timeBuiltins,
  ...unitBuiltins,
  ...uriBuiltins,
  ...versionBuiltins,
  ...x509Builtins,
  ...yamlBuiltins,
  sprintf,
}
