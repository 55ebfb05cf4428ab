/**
 * Runs a compiled policy within bounds: fuel for work, pages for memory, and host builtins that are charged for what they do.
 * The module's state is OPA's (`LoadedPolicy`); the imports are ours, because the stock ones print to the console and their
 * builtins cannot be replaced (`regex.split` backtracks).
 */
import * as opaWasm from '@open-policy-agent/opa-wasm'
import type { Charge } from './builtins/builtin.ts'
import { builtinNamed, familiesIn, loadFamilies, type HostBuiltin } from './builtins/index.ts'
import { isAnswered } from './builtins/repaired.ts'
import { readValue, RegoSet } from './builtins/value.ts'
import { addFuel, fuelExport } from './fuel.ts'
import { gaps } from './gaps.ts'
import { HostFault, type EvalFault } from './host-fault.ts'
import { createKnownPatterns, type KnownPatterns } from './known-patterns.ts'
import { createTextMemo, createModuleMemory, type ModuleMemory } from './module-memory.ts'
import { createPatternAsking } from './pattern-asking.ts'
import { createPuttingBack } from './putting-back.ts'
import { detourIds, undefinedAnswer } from './regex-detour.ts'
import { createRegexHost, createValues, type RegexHost, type Values } from './regex-host.ts'

// Its types tell of named exports that its ES module has only on the default one.
const { LoadedPolicy } = (opaWasm as unknown as { readonly default: typeof opaWasm }).default

interface Failed {
  readonly ok: false
  readonly fault: EvalFault
  readonly detail: string
  readonly fuel: number
}
export type EvalOutcome = { readonly ok: true; readonly results: readonly unknown[]; readonly fuel: number } | Failed
export type PrintOutcome = { readonly ok: true; readonly text: string; readonly fuel: number } | Failed

export interface InstanceOptions {
  /** Printed JSON, so that many instances share one printing; `{}` when left out. */
  readonly data?: string
  readonly maxPages?: number
  /**
   * Pages that it has from the beginning. As long as it needs no more, a fault does not spend it: it is put back as it was before anything
   * was judged. Memory that was touched before is several times cheaper to touch than fresh memory.
   */
  readonly pages?: number
  /** How results are printed: as JSON, or in Rego's own notation, which tells sets from arrays, as a `Value`. */
  readonly results?: 'json' | 'rego'
}
export interface PolicyInstance {
  readonly entrypoints: readonly string[]
  /** Pages of 64 KiB in use; memory never shrinks. */
  pages(): number
  /** True after a fault, unless it could be put back: the instance answers nothing any more. */
  isSpent(): boolean
  /** `input` is printed JSON: Rego reads the very digits that were written. Without it `input` is undefined. */
  evaluate(entrypoint: string, input: string | undefined, fuel: number): EvalOutcome
  /** The same, with the results as the module prints them in Rego's notation. */
  print(entrypoint: string, input: string, fuel: number): PrintOutcome
}

/** 64 MiB. */
const defaultMaxPages = 1024
const initialPages = 8
/** What taking a call out of the module and back costs, in fuel, besides what the builtin asks for. */
const builtinCallFuel = 300
/** What builtins cost is taken off in lots of this much, for to reach the module's counter costs as much as a small search. */
const mostOwed = 10_000
/** The last argument of `opa_eval`. */
const asJson = 0
const inRegoNotation = 1
const fuelForLoading = 500_000_000
const overspent = 'the judgement needs more work than its budget'
/** Half of what is kept of patterns: what a judgement met so lately is kept still, but for once. */
const mostMet = 100
const longestKept = 4096
const mostKept = 100

interface Exports {
  readonly fuel: WebAssembly.Global
  readonly opa_wasm_abi_version: WebAssembly.Global
  readonly opa_wasm_abi_minor_version: WebAssembly.Global
  builtins(): number
  opa_malloc(size: number): number
  opa_json_dump(address: number): number
  opa_value_dump(address: number): number
  opa_json_parse(address: number, length: number): number
  opa_value_parse(address: number, length: number): number
  opa_eval(reserved: number, entrypoint: number, data: number, input: number, inputLength: number, heap: number, format: number): number
}

/** What it compiled runs where the builtins that it names are loaded (`loadFamilies`), as they are here. */
export async function compileModule(wasm: Uint8Array): Promise<WebAssembly.Module> {
  await loadFamilies(familiesIn(wasm))
  return WebAssembly.compile(addFuel(wasm))
}

/** Throws when the module is not one of OPA's, has no fuel, or its data does not fit: a fault of the build, not of a message. */
export function instantiate(module: WebAssembly.Module, options: InstanceOptions = {}): PolicyInstance {
  const memory = createModuleMemory(new WebAssembly.Memory({ initial: options.pages ?? initialPages, maximum: options.maxPages ?? defaultMaxPages }))
  const names = new Map<number, string>()
  let owed = 0
  const fuelLeft = (): number => Number(exports.fuel.value) - owed
  const settle = (): void => {
    const left = fuelLeft()
    exports.fuel.value = BigInt(left)
    owed = 0
    if (left < 0) throw new HostFault('fuel', overspent)
  }
  const add = (units: number): void => {
    owed += Math.ceil(units)
    if (owed > mostOwed) settle()
  }
  const met = new Set<string>()
  const charge: Charge = Object.assign(add, {
    once(what: string, units: number): void {
      if (met.has(what)) return
      if (met.size >= mostMet) met.clear()
      met.add(what)
      add(units)
    },
  })
  const host = createImports({ memory, names, charge, exports: () => exports, regex: () => regex, values: () => values })
  const instance = new WebAssembly.Instance(module, host)
  const exports = instance.exports as unknown as Exports // the shape is OPA's ABI 1.2, asked for in the next lines
  if (!(instance.exports[fuelExport] instanceof WebAssembly.Global)) throw new Error('a module without fuel')
  if (exports.opa_wasm_abi_version?.value !== 1 || Number(exports.opa_wasm_abi_minor_version?.value) < 2) {
    throw new Error('a module of another ABI than 1.2')
  }
  exports.fuel.value = BigInt(fuelForLoading)
  const builtins = JSON.parse(memory.readText(exports.opa_json_dump(exports.builtins()))) as Record<string, number>
  for (const [name, id] of Object.entries(builtins)) names.set(id, name)
  const values = createValues(memory, exports)
  const regex = createRegexHost(values, patternsOf(module), charge)
  const policy = loadData(instance, memory.memory, exports, options.data)
  // What lies below is the module's own and the data; no judgement changes it.
  regex.keepBelow(policy.dataHeapPtr)
  const entrypoints = new Map(Object.entries(policy.entrypoints as Record<string, number>))
  const inRego = options.results === 'rego'
  const answers = createAnswers(inRego ? readResults : JSON.parse)
  const readAnswer = createTextMemo(memory)
  const putBack = options.pages === undefined ? () => false : createPuttingBack(instance.exports, memory, policy.dataHeapPtr)
  let spent = false

  const fail = (thrown: unknown, budget: number): Failed => {
    const left = fuelLeft()
    const fuel = Math.min(budget, budget - left)
    spent = !putBack()
    return { ok: false, ...classify(thrown, left), fuel }
  }
  const run = <T>(entrypoint: string, input: string | undefined, fuel: number, format: number, read: (text: string, fuel: number) => T): T | Failed => {
    if (spent) return { ok: false, fault: 'trap', detail: 'a spent instance was asked', fuel: 0 }
    const id = entrypoints.get(entrypoint)
    if (id === undefined) return { ok: false, fault: 'entrypoint', detail: `no entrypoint ${entrypoint}`, fuel: 0 }
    exports.fuel.value = BigInt(fuel)
    owed = 0
    if (met.size > 0) met.clear()
    try {
      const length = input === undefined ? 0 : memory.writeText(input, policy.dataHeapPtr)
      const at = input === undefined ? 0 : policy.dataHeapPtr
      const answer = exports.opa_eval(0, id, policy.dataAddr, at, length, policy.dataHeapPtr + length, format)
      const left = fuelLeft()
      if (left < 0) throw new HostFault('fuel', overspent)
      return read(readAnswer(answer), fuel - left)
    } catch (thrown) {
      return fail(thrown, fuel)
    }
  }
  return {
    entrypoints: [...entrypoints.keys()],
    pages: () => memory.bytes().length / 65_536,
    isSpent: () => spent,
    evaluate: (entrypoint, input, fuel) => run(entrypoint, input, fuel, inRego ? inRegoNotation : asJson, (text, used) => ({ ok: true, results: answers.read(text), fuel: used })),
    print: (entrypoint, input, fuel) => run(entrypoint, input, fuel, inRegoNotation, (text, used) => ({ ok: true, text, fuel: used })),
  }
}

/** Patterns mean the same to every instance of a module; they are looked at once. */
const known = new WeakMap<WebAssembly.Module, KnownPatterns>()

function patternsOf(module: WebAssembly.Module): KnownPatterns {
  const before = known.get(module)
  if (before !== undefined) return before
  const made = createKnownPatterns(createPatternAsking(module))
  known.set(module, made)
  return made
}

/** The results are a set of bindings. */
function readResults(text: string): unknown {
  const results = readValue(text)
  return results instanceof RegoSet ? results.elements : results
}

/** Most answers of a policy are word for word one of a few: the same text is the same object, and is checked once (`loaded-bundle.ts`). */
function createAnswers(parse: (text: string) => unknown): { read(text: string): readonly unknown[] } {
  const kept = new Map<string, readonly unknown[]>()
  return {
    read(text) {
      const before = kept.get(text)
      if (before !== undefined) return before
      const results = parse(text)
      if (!Array.isArray(results)) throw new HostFault('answer', 'the result is not a set')
      if (text.length <= longestKept) {
        if (kept.size >= mostKept) kept.clear()
        kept.set(text, results)
      }
      return results
    },
  }
}

interface Loaded {
  readonly entrypoints: unknown
  readonly dataAddr: number
  readonly dataHeapPtr: number
}

function loadData(instance: WebAssembly.Instance, memory: WebAssembly.Memory, exports: Exports, data: string | undefined): Loaded {
  try {
    const policy = new LoadedPolicy({ instance }, memory, exports.opa_wasm_abi_minor_version.value)
    if (data !== undefined) {
      const bytes = new TextEncoder().encode(data)
      policy.setData(bytes.buffer)
    }
    return policy as Loaded
  } catch (thrown) {
    // opa-wasm throws strings (P12): nothing that is not an Error leaves this room.
    throw new Error(`the data does not load: ${classify(thrown, Number(exports.fuel.value)).detail}`)
  }
}

function classify(thrown: unknown, fuelLeft: number): { readonly fault: EvalFault; readonly detail: string } {
  if (fuelLeft < 0) return { fault: 'fuel', detail: overspent }
  if (thrown instanceof HostFault) return { fault: thrown.fault, detail: thrown.message }
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'SyntaxError') return { fault: 'answer', detail: 'the result is not JSON' }
  return { fault: 'trap', detail: thrown instanceof Error ? `${name}: ${thrown.message}` : String(thrown) }
}

const encoder = new TextEncoder()

interface ImportParts {
  readonly memory: ModuleMemory
  readonly names: ReadonlyMap<number, string>
  readonly charge: Charge
  readonly exports: () => Exports
  readonly regex: () => RegexHost
  readonly values: () => Values
}

function createImports({ memory, names, charge, exports: exportsOf, regex, values }: ImportParts): WebAssembly.Imports {
  const print = (address: number): string => {
    const text = memory.readText(exportsOf().opa_value_dump(address))
    charge(text.length)
    return text
  }
  const own = { print, charge, isOddPattern: (address: number) => regex().isOdd(address) }
  const asked = (id: number, _context: number, ...addresses: number[]): number => {
    const gap = gaps.get(id)
    if (gap === undefined) return call(names.get(id) ?? String(id), ...addresses)
    if (gap.is?.(values(), addresses, own) === false) return 0
    return gap.name === undefined ? undefinedAnswer : call(gap.name, ...addresses) || undefinedAnswer
  }
  const call = (name: string, ...addresses: number[]): number => {
    const exports = exportsOf()
    const builtin = builtinNamed(name)
    if (builtin === undefined) throw new HostFault('builtin', `the host has no builtin ${name}`)
    const texts = addresses.map((address) => {
      return memory.readText(builtin.reads === 'rego' ? exports.opa_value_dump(address) : exports.opa_json_dump(address))
    })
    const bytes = texts.reduce((sum, text) => sum + text.length, 0)
    if (bytes > builtin.maxBytes) throw new HostFault('builtin', `${name} is given more than ${builtin.maxBytes} bytes`)
    charge(builtinCallFuel + bytes)
    const answer = runBuiltin(name, builtin, texts, charge)
    if (answer === undefined) return 0
    const printed = encoder.encode(answer)
    const at = exports.opa_malloc(printed.length)
    memory.bytes().set(printed, at)
    const value = builtin.reads === 'rego' ? exports.opa_value_parse(at, printed.length) : exports.opa_json_parse(at, printed.length)
    if (value === 0) throw new HostFault('builtin', `${name} answered what is no value`)
    return value
  }
  const askTwo = (id: number, context: number, one: number, other: number): number => {
    if (id !== detourIds.match) return asked(id, context, one, other)
    return regex().match(one, other) || (regex().isOdd(one) ? call('regex.match', one, other) || undefinedAnswer : 0)
  }
  const askOne = (id: number, context: number, one: number): number => {
    if (id === detourIds.isValid) return regex().isValid(one) || (regex().isOdd(one) ? call('regex.is_valid', one) : 0)
    if (id === detourIds.decode) return regex().decode(one, isAnswered.decode)
    if (id === detourIds.decodeUrl) return regex().decode(one, isAnswered.decodeUrl)
    return id === detourIds.unmarshal ? regex().guard(one, isAnswered.unmarshal) : asked(id, context, one)
  }
  return {
    env: {
      memory: memory.memory,
      opa_abort(address: number): never {
        const message = memory.readText(address)
        throw new HostFault(message.includes('malloc') ? 'memory' : 'abort', message)
      },
      // What a policy prints may hold anything of the message: it goes nowhere.
      opa_println(): void {},
      opa_builtin0: asked,
      opa_builtin1: askOne,
      opa_builtin2: askTwo,
      opa_builtin3: asked,
      opa_builtin4: asked,
    },
  }
}

function runBuiltin(name: string, builtin: HostBuiltin, texts: readonly string[], charge: Charge): string | undefined {
  try {
    return builtin.run(texts, charge)
  } catch (thrown) {
    if (thrown instanceof HostFault) throw thrown
    // The message of an error that is not ours may quote what it was given.
    throw new HostFault('builtin', `${name}: ${thrown instanceof Error && thrown.name === 'Error' ? thrown.message : 'failed'}`)
  }
}
