/** A thread that judges what is large or takes long. Given bytes it also compiles them, so that no call waits for that either. */
import '../repaired-json.ts'
import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { basename } from 'node:path'
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
  /** It gives way to everybody else on the machine. */
  readonly yields: boolean
}
export interface ThreadTask {
  readonly entrypoint: string
  readonly input: string
  readonly fuel: number
}
export type ThreadReply =
  /** With what the thread has worked so far, in milliseconds. */
  | { readonly kind: 'ready'; readonly module: WebAssembly.Module; readonly worked: number }
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'done'; readonly outcome: EvalOutcome; readonly worked: number }
/** All that a judgement may have, from the beginning: an instance that never grows can be used again after any fault. */
const pages = 1024
/** A third of the share of others: less of it, on a busy machine, and whoever waits for a denial waits for long. */
const givesWay = 5

const port = parentPort
if (port === null) throw new Error('this file is the program of a thread')
const setup = workerData as ThreadSetup
const reply = (message: ThreadReply): void => port.postMessage(message)

const worked = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Linux has a priority for each thread, others have none or one for the whole process: theirs stays. */
function giveWay(): void {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')))
    setPriority(thread, Math.min(19, getPriority(thread) + givesWay))
  } catch {
    // It only makes others wait a little longer.
  }
}

try {
  if (setup.yields) giveWay()
  await loadFamilies(setup.families)
  const module = setup.module instanceof WebAssembly.Module ? setup.module : await compileModule(setup.module)
  const fresh = (): PolicyInstance => instantiate(module, { data: setup.data, pages })
  let instance = fresh()
  port.on('message', ({ entrypoint, input, fuel }: ThreadTask) => {
    if (instance.isSpent()) instance = fresh()
    const outcome = instance.evaluate(entrypoint, input, fuel)
    reply({ kind: 'done', outcome, worked: worked() })
  })
  reply({ kind: 'ready', module, worked: worked() })
} catch (cause) {
  reply({ kind: 'refused', detail: messageOf(cause) })
  port.close()
}
