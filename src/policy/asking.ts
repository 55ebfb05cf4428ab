import { setImmediate as nextTurn } from 'node:timers/promises'
import { createInTurn } from '../in-turn.ts'
import { createPatience, deadlineFor, fuelFor, fuelHere, threadFrom } from './budget.ts'
import type { BuiltBundle } from './bundle.ts'
import { familiesIn, loadFamilies } from './builtins/index.ts'
import { instantiate, type EvalOutcome, type PolicyInstance, type PrintOutcome } from './host.ts'
import { createThreads } from './threads.ts'

/** What an instance begins with. One that needed more is not kept: memory never shrinks, and one large message should not cost it for ever. */
const keptPages = 256
const keptInstances = 2

export interface AskingOptions {
  readonly threads?: number
  readonly deadline?: (bytes: number) => number
}
type Outcome = EvalOutcome | PrintOutcome
export interface AskOptions {
  /** For whom. */
  readonly caller: string
  /** It is known to need more than is spent here. */
  readonly long?: boolean
}

/** The module of one bundle, asked here where the question is small, on a thread where it is not. */
export interface Asking {
  /** On this thread, at once, within the fuel that is spent here on so many bytes. */
  here<T extends Outcome>(bytes: number, use: (instance: PolicyInstance, fuel: number) => T): T
  ask(entrypoint: string, input: string, bytes: number, options: AskOptions): Promise<EvalOutcome>
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

  const spare = (): PolicyInstance => instantiate(module, { data: printed, pages: keptPages })
  const patience = createPatience()
  const refill = (): void => {
    if (instances.length >= keptInstances || closed) return
    try {
      instances.push(spare())
      setImmediate(refill)
    } catch {
      // The next judgement tries again, and is denied if it cannot be had then either.
    }
  }
  const within = <T extends Outcome>(most: number, bytes: number, use: (instance: PolicyInstance, fuel: number) => T): T => {
    const instance = instances.pop() ?? spare()
    const outcome = use(instance, most)
    if (!instance.isSpent() && instance.pages() <= keptPages) instances.push(instance)
    else setImmediate(refill)
    if (outcome.ok) patience.ended(outcome.fuel, bytes)
    return outcome
  }
  const inTurn = createInTurn()
  /**
   * Who could not wait for a thread gets the most that is spent here: so what takes no more is denied to nobody, however many come together. Of these one
   * comes in a turn of the loop, so that others are heard between them.
   */
  const atLength = <T>(evaluate: () => T): Promise<T> => inTurn(() => nextTurn().then(evaluate))
  const aside = async (entrypoint: string, input: string, bytes: number, long: boolean, caller: string): Promise<EvalOutcome> => {
    const outcome = await threads.judge({ entrypoint, input, fuel: fuelFor(bytes) }, { deadline: (options.deadline ?? deadlineFor)(bytes), long, caller })
    if (outcome.ok && long) patience.ended(outcome.fuel, bytes)
    return outcome
  }
  return {
    refill, close,
    here: (bytes, use) => within(patience.fuelHere(bytes), bytes, use),
    async ask(entrypoint, input, bytes, { caller, long = false }) {
      if (bytes > threadFrom) return aside(entrypoint, input, bytes, false, caller)
      const evaluate = (most: number): EvalOutcome => within(most, bytes, (instance, fuel) => instance.evaluate(entrypoint, input, fuel))
      const crowded = threads.isCrowded(caller)
      if (long && !crowded) return aside(entrypoint, input, bytes, true, caller)
      const outcome = crowded ? await atLength(() => evaluate(fuelHere(bytes))) : evaluate(patience.fuelHere(bytes))
      return !outcome.ok && outcome.fault === 'fuel' ? aside(entrypoint, input, bytes, true, caller) : outcome
    },
  }
}
