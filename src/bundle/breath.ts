import { setImmediate as nextTurn } from 'node:timers/promises'

/** Work in many small parts lets everything else of its process go on: a gateway judges calls while it looks at new policies. */
export const createBreath = (longest = 5): (() => Promise<void>) => {
  let began = performance.now()
  return async () => {
    if (performance.now() - began < longest) return
    await nextTurn()
    began = performance.now()
  }
}
