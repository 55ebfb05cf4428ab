/**
 * Functions of OPA's runtime that get a detour at their entry: the host is asked first. It answers with the address of a value, with
 * 1 for undefined, or with 0, and then the module goes on as it was. Two of them are slow (a pattern is compiled anew at each
 * `regex.match`, which costs more than all the rest of a small judgement), the others differ from OPA's own evaluator (`gaps.ts`).
 */
import { guarded, hasWrittenNumber, isNoDigits, type Guard } from './detour-guards.ts'
import { readByte, readSlice, readU32, signed, u32, type Reader } from './module-bytes.ts'

/** Ids of no builtin of OPA's, which count from 0. */
export const detourIds = {
  isValid: 1_000_001, match: 1_000_002, unmarshal: 1_000_003, decode: 1_000_004, decodeUrl: 1_000_005, isBase64: 1_000_006, contains: 1_000_007, intersects: 1_000_008,
  marshal: 1_000_009, isJson: 1_000_010, concat: 1_000_011, glob: 1_000_012, submatch: 1_000_013, indexOf: 1_000_014, filter: 1_000_015, remove: 1_000_016,
  slice: 1_000_017, and: 1_000_018, or: 1_000_019, xor: 1_000_020, negate: 1_000_021, shiftLeft: 1_000_022, shiftRight: 1_000_023, substring: 1_000_024, toNumber: 1_000_025,
  template: 1_000_026, unionN: 1_000_027,
} as const
export const undefinedAnswer = 1
export const matchExport = 'regex_match'

export interface Detour {
  /** The index among all functions. */
  readonly index: number
  /** The instructions, given the number of a free i32 local. */
  readonly code: (local: number) => readonly number[]
}
interface Section {
  readonly id: number
  readonly body: Uint8Array
}
interface Wanted {
  readonly parameters: number
  readonly id: number
  /** Tells for which operands the host is asked; without it for all. */
  readonly guard?: Guard
}

const i32 = 0x7f
const wanted = {
  opa_regex_match: { parameters: 2, id: detourIds.match },
  opa_regex_is_valid: { parameters: 1, id: detourIds.isValid },
  opa_json_unmarshal: { parameters: 1, id: detourIds.unmarshal },
  opa_base64_decode: { parameters: 1, id: detourIds.decode },
  opa_base64_url_decode: { parameters: 1, id: detourIds.decodeUrl },
  opa_base64_is_valid: { parameters: 1, id: detourIds.isBase64 },
  opa_cidr_contains: { parameters: 2, id: detourIds.contains },
  opa_cidr_intersects: { parameters: 2, id: detourIds.intersects },
  opa_json_marshal: { parameters: 1, id: detourIds.marshal },
  opa_json_is_valid: { parameters: 1, id: detourIds.isJson },
  opa_strings_concat: { parameters: 2, id: detourIds.concat },
  opa_glob_match: { parameters: 3, id: detourIds.glob },
  opa_regex_find_all_string_submatch: { parameters: 3, id: detourIds.submatch },
  opa_strings_indexof: { parameters: 2, id: detourIds.indexOf },
  builtin_json_filter: { parameters: 2, id: detourIds.filter },
  builtin_json_remove: { parameters: 2, id: detourIds.remove },
  opa_strings_substring: { parameters: 3, id: detourIds.substring, guard: hasWrittenNumber },
  opa_template_string: { parameters: 1, id: detourIds.template },
  builtin_object_union_n: { parameters: 1, id: detourIds.unionN },
  opa_to_number: { parameters: 1, id: detourIds.toNumber, guard: isNoDigits },
  opa_array_slice: { parameters: 3, id: detourIds.slice, guard: hasWrittenNumber },
  opa_bits_and: { parameters: 2, id: detourIds.and, guard: hasWrittenNumber },
  opa_bits_or: { parameters: 2, id: detourIds.or, guard: hasWrittenNumber },
  opa_bits_xor: { parameters: 2, id: detourIds.xor, guard: hasWrittenNumber },
  opa_bits_negate: { parameters: 1, id: detourIds.negate, guard: hasWrittenNumber },
  opa_bits_shiftleft: { parameters: 2, id: detourIds.shiftLeft, guard: hasWrittenNumber },
  opa_bits_shiftright: { parameters: 2, id: detourIds.shiftRight, guard: hasWrittenNumber },
} as const satisfies Record<string, Wanted>

/**
 * The detours of the functions that the module has; a function that is not as OPA's compiler leaves it has none. Without the one
 * for `regex.match`, by which a module is asked about a pattern, there is none for `regex.is_valid` either.
 */
export function detoursOf(sections: readonly Section[]): { readonly match: Detour | undefined; readonly all: readonly Detour[] } {
  const functions = functionNames(sections)
  const imports = importedFunctions(sections)
  const typeOf = typesOfFunctions(sections, imports)
  const detour = (name: keyof typeof wanted): Detour | undefined => {
    const { parameters, id, guard }: Wanted = wanted[name]
    const index = functions.get(name)
    const asked = imports.findIndex((imported) => imported.name === `opa_builtin${parameters}`)
    const type = index === undefined ? undefined : typeOf(index)
    if (index === undefined || index < imports.length || asked < 0 || type !== `${parameters}:${`${i32},`.repeat(parameters)}1:${i32},`) return undefined
    const operands = Array.from({ length: parameters }, (_, at) => [0x20, at]).flat()
    return {
      index,
      // Behind the guard: i32.const id, i32.const 0, the operands, call, local.tee, if, then 0 where the answer is 1 and else the answer, return, end
      code: (local) => {
        const answer = [0x20, ...u32(local)]
        const undefinedOr = [0x41, 0, ...answer, ...answer, 0x41, undefinedAnswer, 0x46, 0x1b]
        const ask = [0x41, ...signed(id), 0x41, 0, ...operands, 0x10, ...u32(asked), 0x22, ...u32(local), 0x04, 0x40, ...undefinedOr, 0x0f, 0x0b]
        return guard === undefined ? ask : guarded(guard(parameters, local), ask)
      },
    }
  }
  const match = detour('opa_regex_match')
  const names = Object.keys(wanted) as (keyof typeof wanted)[] // its own keys
  const found = names.filter((name) => name !== 'opa_regex_is_valid' || match !== undefined).map(detour)
  return { match, all: found.filter((one) => one !== undefined) }
}

/** From the custom section "name" (core specification, appendix "Name Section"); a name that stands twice names nothing. */
function functionNames(sections: readonly Section[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const twice = new Set<string>()
  for (const { id, body } of sections) {
    if (id !== 0) continue
    const from: Reader = { bytes: body, at: 0 }
    if (text(from) !== 'name') continue
    while (from.at < body.length) {
      const kind = readByte(from)
      const inner: Reader = { bytes: readSlice(from, readU32(from)), at: 0 }
      if (kind !== 1) continue
      for (let left = readU32(inner); left > 0; left -= 1) {
        const index = readU32(inner)
        const name = text(inner)
        if (found.has(name)) twice.add(name)
        found.set(name, index)
      }
    }
  }
  for (const name of twice) found.delete(name)
  return found
}

export function importedFunctions(sections: readonly Section[]): readonly { readonly name: string; readonly type: number }[] {
  const found: { name: string; type: number }[] = []
  for (const { id, body } of sections) {
    if (id !== 2) continue
    const from: Reader = { bytes: body, at: 0 }
    for (let left = readU32(from); left > 0; left -= 1) {
      text(from)
      const name = text(from)
      const kind = readByte(from)
      if (kind === 0) found.push({ name, type: readU32(from) })
      else {
        if (kind === 1) readByte(from)
        if (readByte(from) === 1) readU32(from)
        readU32(from)
      }
    }
  }
  return found
}

/** The type of a function as text: how many parameters of which types, how many results of which types. */
function typesOfFunctions(sections: readonly Section[], imports: readonly { readonly type: number }[]): (index: number) => string | undefined {
  const types: string[] = []
  const functions = imports.map(({ type }) => type)
  for (const { id, body } of sections) {
    const from: Reader = { bytes: body, at: 0 }
    if (id === 1) {
      for (let left = readU32(from); left > 0; left -= 1) {
        readByte(from)
        types.push(vector(from) + vector(from))
      }
    }
    if (id === 3) for (let left = readU32(from); left > 0; left -= 1) functions.push(readU32(from))
  }
  return (index) => types[functions[index] ?? -1]
}

function vector(from: Reader): string {
  const count = readU32(from)
  return `${count}:${[...readSlice(from, count)].map((type) => `${type},`).join('')}`
}

const text = (from: Reader): string => new TextDecoder().decode(readSlice(from, readU32(from)))
