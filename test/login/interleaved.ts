import type { Kept } from '../../src/kept.ts'

export type Step = `${Exclude<keyof Kept, 'sweep'>} ${string}`

/** The store as it is, with somebody who comes in between: `before` is told of each step, and may take its time or fail. */
export const interleaved = (kept: Kept, before: (step: Step) => Promise<unknown> | undefined): Kept =>
  new Proxy(kept, {
    get: (target, name: keyof Kept) => async (...args: unknown[]) => {
      await before(`${name} ${String(args[0])}` as Step) // the names of its functions, and the kind
      return (target[name] as (...args: unknown[]) => unknown)(...args)
    },
  })
