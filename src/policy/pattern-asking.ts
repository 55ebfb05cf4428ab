import { HostFault } from './host-fault.ts'
import type { Asked } from './known-patterns.ts'
import { createModuleMemory } from './module-memory.ts'
import { createPuttingBack } from './putting-back.ts'
import { createValues, type ValueExports, type Values } from './regex-host.ts'

const initialPages = 8
const mostPages = 1024
const fuelForLoading = 1_000_000

interface Exports extends ValueExports {
  readonly fuel: WebAssembly.Global
  readonly regex_match?: (pattern: number, text: number) => number
  opa_heap_ptr_get(): number
}
interface Asker {
  readonly exports: Exports
  readonly values: Values
  readonly putBack: () => boolean
}

/** Asks the module itself, in an instance of its own that is put back each time: what is asked once must leave no trace in what is judged, nor in what is asked next. */
export function createPatternAsking(module: WebAssembly.Module): (pattern: string, mostFuel: number) => Asked {
  let asker: Asker | undefined
  return (pattern, mostFuel) => {
    asker ??= createAsker(module)
    const { exports, values, putBack } = asker
    if (exports.regex_match === undefined) return { isValid: false, fuel: 0 }
    const asked = (isValid: boolean | undefined): Asked => ({ isValid, fuel: mostFuel - Number(exports.fuel.value) })
    exports.fuel.value = BigInt(mostFuel)
    try {
      // Undefined, which is 0, for what is no pattern.
      return asked(exports.regex_match(values.parse(JSON.stringify(pattern)), values.parse('""')) !== 0)
    } catch {
      // Too large for the module too, which will say so when it is searched, if it was not the fuel.
      return asked(exports.fuel.value < 0n ? undefined : false)
    } finally {
      if (!putBack()) asker = undefined
    }
  }
}

function createAsker(module: WebAssembly.Module): Asker {
  const memory = createModuleMemory(new WebAssembly.Memory({ initial: initialPages, maximum: mostPages }))
  const { exports } = new WebAssembly.Instance(module, unanswered(memory.memory))
  const own = exports as unknown as Exports // of a module that was looked at when it was instantiated to judge
  own.fuel.value = BigInt(fuelForLoading)
  // The first value sets up what counts the memory.
  const values = createValues(memory, own)
  values.parse('""')
  return { exports: own, values, putBack: createPuttingBack(exports, memory, own.opa_heap_ptr_get()) }
}

/** Imports for an instance that judges nothing: every answer is "not here". */
function unanswered(memory: WebAssembly.Memory): WebAssembly.Imports {
  const none = (): number => 0
  const abort = (): never => {
    throw new HostFault('abort', 'the module gave up')
  }
  return { env: { memory, opa_abort: abort, opa_println: none, opa_builtin0: none, opa_builtin1: none, opa_builtin2: none, opa_builtin3: none, opa_builtin4: none } }
}
