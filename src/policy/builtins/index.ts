/**
 * The builtins this host provides beside those that OPA compiles into the module. Most policies use a few of them: a family is loaded
 * once a module names it, so that the others cost neither start nor memory.
 */
import type { HostBuiltin } from './builtin.ts'
import { regexBuiltins } from './regex.ts'
import { sprintf } from './sprintf.ts'
import { textBuiltins } from './text.ts'
import { timeBuiltins } from './time.ts'

export type { HostBuiltin } from './builtin.ts'

type Builtins = Readonly<Record<string, HostBuiltin>>

interface Family {
  /** Texts of which a module that uses the family holds one. */
  readonly marks: readonly string[]
  load(): Promise<Builtins>
}

const families = {
  digest: { marks: ['crypto.hmac.', 'crypto.md5', 'crypto.sha1'], load: async () => (await import('./digest.ts')).digestBuiltins },
  encode: { marks: ['urlquery.', 'hex.decode', 'json.marshal_with_options', 'opa_json_marshal', 'opa_json_is_valid'], load: async () => (await import('./encode.ts')).encodeBuiltins },
  globs: { marks: ['regex.globs_match', 'glob.quote_meta'], load: async () => (await import('./globs.ts')).globBuiltins },
  graphql: { marks: ['graphql.'], load: async () => (await import('./graphql/index.ts')).graphqlBuiltins },
  jwt: { marks: ['io.jwt.'], load: async () => (await import('./jwt.ts')).jwtBuiltins },
  net: { marks: ['net.cidr_', 'opa_cidr_'], load: async () => (await import('./net.ts')).netBuiltins },
  paths: { marks: ['builtin_json_filter', 'builtin_json_remove'], load: async () => (await import('./json-paths.ts')).pathBuiltins },
  patch: { marks: ['json.patch'], load: async () => (await import('./json-patch.ts')).patchBuiltins },
  schema: { marks: ['json.match_schema', 'json.verify_schema'], load: async () => (await import('./schema/index.ts')).schemaBuiltins },
  structure: {
    marks: ['graph.reachable_paths', 'indexof_n', 'numbers.range_step', 'object.subset', 'strings.split_n', 'trace', 'opa_strings_concat', 'opa_template_string', 'builtin_object_union_n'],
    load: async () => (await import('./structure.ts')).structureBuiltins,
  },
  units: { marks: ['units.'], load: async () => (await import('./units.ts')).unitBuiltins },
  uri: { marks: ['uri.'], load: async () => (await import('./uri.ts')).uriBuiltins },
  version: { marks: ['semver.', 'uuid.'], load: async () => (await import('./version.ts')).versionBuiltins },
  whole: { marks: ['opa_array_slice', 'opa_strings_substring', 'opa_bits_'], load: async () => (await import('./whole.ts')).wholeBuiltins },
  x509: { marks: ['crypto.x509.', 'crypto.parse_private_keys'], load: async () => (await import('./x509/index.ts')).x509Builtins },
  yaml: { marks: ['yaml.'], load: async () => (await import('./yaml.ts')).yamlBuiltins },
} satisfies Record<string, Family>

export type FamilyName = keyof typeof families
const familyNames = Object.keys(families) as readonly FamilyName[] // its own keys

const loaded = new Map<string, HostBuiltin>(Object.entries({ ...regexBuiltins, ...textBuiltins, ...timeBuiltins, sprintf }))

export function familiesIn(wasm: Uint8Array): readonly FamilyName[] {
  const bytes = Buffer.from(wasm.buffer, wasm.byteOffset, wasm.byteLength)
  return familyNames.filter((name) => families[name].marks.some((mark) => bytes.includes(mark)))
}

export async function loadFamilies(names: readonly FamilyName[]): Promise<void> {
  for (const found of await Promise.all(names.map((name) => families[name].load()))) {
    for (const [name, builtin] of Object.entries(found)) loaded.set(name, builtin)
  }
}

/** Undefined where the host has none, or its family was not loaded. */
export function builtinNamed(name: string): HostBuiltin | undefined {
  return loaded.get(name)
}

export async function allBuiltins(): Promise<Builtins> {
  await loadFamilies(familyNames)
  return Object.fromEntries(loaded)
}
