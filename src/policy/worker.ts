/** A thread that judges large inputs. Given bytes it also compiles them, so that no call waits for that either. */
import '../repaired-json.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../errors.ts'
import { loadFamilies, type FamilyName } from './builtins/index.ts'
import { compileModule, instantiate, type EvalOutcome, type PolicyInstance } from './host.ts'

export interface ThreadSetup {
  /** OPA's own bytes to put fuel into and compile, or a module that was compiled so. */
  readonly module: Uint8Array | WebAssembly.Module
  readonly data: string
  /** The builtins that it needs. */
  readonly families: readonly FamilyName[]
}
export interface ThreadTask {
  readonly entrypoint: string
  readonly input: string
  readonly fuel: number
}
export type ThreadReply =
  | { readonly kind: 'ready'; readonly module: WebAssembly.Module }
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'done'; readonly outcome: EvalOutcome }

const port = parentPort
if (port === null) throw new Error('this file is the program of a thread')
const setup = workerData as ThreadSetup
const reply = (message: ThreadReply): void => port.postMessage(message)

try {
  await loadFamilies(setup.families)
  const module = setup.module instanceof WebAssembly.Module ? setup.module : await compileModule(setup.module)
  let instance: PolicyInstance = instantiate(module, { data: setup.data })
  port.on('message', ({ entrypoint, input, fuel }: ThreadTask) => {
    if (instance.isSpent()) instance = instantiate(module, { data: setup.data })
    reply({ kind: 'done', outcome: instance.evaluate(entrypoint, input, fuel) })
  })
  reply({ kind: 'ready', module })
} catch (cause) {
  reply({ kind: 'refused', detail: messageOf(cause) })
  port.close()
}
