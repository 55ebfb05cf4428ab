import { deadlineFor, fuelFor, fuelHere, threadFrom } from './budget.ts'
import type { BuiltBundle } from './bundle.ts'
import { familiesIn, loadFamilies } from './builtins/index.ts'
import { instantiate, type EvalOutcome, type PolicyInstance } from './host.ts'
import { createThreads } from './threads.ts'

/** Above this an instance is not kept: memory never shrinks, and one large message should not cost it for ever. */
const maxKeptPages = 256
const keptInstances = 2

export interface AskingOptions {
  readonly threads?: number
  readonly deadline?: (bytes: number) => number
}
/** The module of one bundle, asked here where the question is small, on a thread where it is not. */
export interface Asking {
  /** On this thread, at once. */
  here<T>(use: (instance: PolicyInstance) => T): T
  ask(entrypoint: string, input: string, bytes: number): Promise<EvalOutcome>
  /** Makes instances for what comes, one in a turn of the loop: loading a megabyte of data takes some milliseconds each time. */
  refill(): void
  close(): Promise<void>
}

/** Rejects where the module does not compile. */
export async function startAsking({ wasm, data }: Pick<BuiltBundle, 'wasm' | 'data'>, options: AskingOptions): Promise<Asking> {
  const printed = JSON.stringify(data)
  const threads = createThreads({ size: Math.max(1, options.threads ?? 2), wasm, data: printed })
  const instances: PolicyInstance[] = []
  let closed = false
  const close = (): Promise<void> => {
    closed = true
    instances.length = 0
    return threads.close()
  }
  const [module] = await Promise.all([threads.start(), loadFamilies(familiesIn(wasm))]).catch(async (cause: unknown) => {
    await close()
    throw cause
  })

  const spare = (): PolicyInstance => instantiate(module, { data: printed })
  const refill = (): void => {
    if (instances.length >= keptInstances || closed) return
    try {
      instances.push(spare())
      setImmediate(refill)
    } catch {
      // The next judgement tries again, and is denied if it cannot be had then either.
    }
  }
  const here = <T>(use: (instance: PolicyInstance) => T): T => {
    const instance = instances.pop() ?? spare()
    const outcome = use(instance)
    if (!instance.isSpent() && instance.pages() <= maxKeptPages) instances.push(instance)
    else setImmediate(refill)
    return outcome
  }
  const aside = (entrypoint: string, input: string, bytes: number, long: boolean): Promise<EvalOutcome> =>
    threads.judge({ entrypoint, input, fuel: fuelFor(bytes) }, { deadline: (options.deadline ?? deadlineFor)(bytes), long })
  return {
    here, refill, close,
    async ask(entrypoint, input, bytes) {
      if (bytes > threadFrom) return aside(entrypoint, input, bytes, false)
      const outcome = here((instance) => instance.evaluate(entrypoint, input, fuelHere(bytes)))
      return !outcome.ok && outcome.fault === 'fuel' ? aside(entrypoint, input, bytes, true) : outcome
    },
  }
}
