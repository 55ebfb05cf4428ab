import { messageOf } from '../../errors.ts'
import type { LogRules } from '../../policy/bundle.ts'
import { fuelFor } from '../../policy/budget.ts'
import { compileModule, instantiate, type PolicyInstance } from '../../policy/host.ts'
import { bareEvent, maskEvent, readMasks } from './log-mask.ts'

/** What becomes of an event of the log. */
export type Passed =
  | { readonly kind: 'sent'; readonly text: string }
  /** The rules said so. */
  | { readonly kind: 'dropped' }
  /** What to hide could not be told: the event goes without its input and result. */
  | { readonly kind: 'bare'; readonly text: string; readonly why: string }
  /** Whether to send it could not be told. */
  | { readonly kind: 'withheld'; readonly why: string }

/** The rules about decision logs of one bundle, with its data as JSON. */
export interface LogPolicy extends LogRules {
  readonly data: string
}
/** Decides about a printed event. */
export type LogFilter = (text: string) => Passed

const passAll: LogFilter = (text) => ({ kind: 'sent', text })

/** Nobody waits for it: more than a judgement may take, and not without end. */
const fuelOf = (text: string): number => 10 * fuelFor(text.length)
const mostPages = 4096
/** Memory of an instance never shrinks: a large event must not keep it. */
const keptPages = 1024

type Asked = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string }

/** Asks `data.system.log` as OPA does: first whether the event is dropped, then what of it is hidden. Whatever goes wrong hides more, never less. */
export const createLogFilter = async (policy: LogPolicy | undefined): Promise<LogFilter> => {
  if (policy === undefined) return passAll
  const module = await compileModule(policy.wasm)
  let instance: PolicyInstance | undefined
  const ask = (name: 'drop' | 'mask', text: string): Asked => {
    try {
      instance ??= instantiate(module, { data: policy.data, maxPages: mostPages })
      const outcome = instance.evaluate(`system/log/${name}`, text, fuelOf(text))
      if (instance.isSpent() || instance.pages() > keptPages) instance = undefined
      if (!outcome.ok) return { ok: false, why: `system.log.${name}: ${outcome.detail}` }
      return { ok: true, value: (outcome.results[0] as { readonly result?: unknown } | undefined)?.result }
    } catch (fault) {
      instance = undefined
      return { ok: false, why: `system.log.${name}: ${messageOf(fault)}` }
    }
  }
  const has = (name: 'drop' | 'mask'): boolean => policy.entrypoints.includes(`system/log/${name}`)

  return (text) => {
    if (has('drop')) {
      const drop = ask('drop', text)
      if (!drop.ok) return { kind: 'withheld', why: drop.why }
      if (drop.value === true) return { kind: 'dropped' }
      if (drop.value !== undefined && drop.value !== false) return { kind: 'withheld', why: 'system.log.drop: it is neither true nor false' }
    }
    if (!has('mask')) return { kind: 'sent', text }
    const mask = ask('mask', text)
    const read = mask.ok ? readMasks(mask.value) : mask
    return read.ok ? { kind: 'sent', text: maskEvent(text, read.masks) } : { kind: 'bare', text: bareEvent(text), why: mask.ok ? `system.log: ${read.why}` : read.why }
  }
}
