import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../errors.ts'
import { createLogFilter, type LogFilter, type LogPolicy } from './log-rules.ts'

/** What whoever switches policies tells: that another bundle is about to judge, and then which one does. */
export type RulesOrder = { readonly kind: 'changing' } | { readonly kind: 'active'; readonly rules?: LogPolicy }

/** What decides about the next event; it waits while nobody can say. */
export interface RulesInForce {
  filter(signal: AbortSignal): Promise<LogFilter>
}

const lookEvery = 50

/**
 * The rules of the active bundle. Orders are taken at the moment an event is looked at, and `changing` is ordered before the next bundle
 * judges, so that what it judged never passes the rules of the one before.
 */
export const createRulesInForce = (first: RulesOrder, receive: () => RulesOrder | undefined): RulesInForce => {
  let order = first
  let filter: LogFilter | undefined
  const listen = (): void => {
    for (let next = receive(); next !== undefined; next = receive()) {
      order = next
      filter = undefined
    }
  }
  const refuseAll = (fault: unknown): LogFilter => () => ({ kind: 'withheld', why: `system.log: ${messageOf(fault)}` })

  return {
    async filter(signal) {
      for (;;) {
        listen()
        if (order.kind === 'active' && filter !== undefined) return filter
        if (order.kind === 'changing') await pause(lookEvery, undefined, { signal })
        else {
          const { rules } = order
          filter = await createLogFilter(rules).catch(refuseAll)
        }
      }
    },
  }
}
