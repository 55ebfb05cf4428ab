/** What a gateway says that does not start on a machine with much else to do: its policies did not compile in time. */
const signs = ['[no_answer]', "OPA's library took longer than"]
/** The same of a store on a disk that is whole and nobody else's. */
export const storeTooSlow = 'could not open the store within'
/** In milliseconds: where one start takes minutes, the next may still be quick. */
const patience = 15 * 60_000

/** Does it again where that was in the way of a start. `more`: what else is no sign of anything but that. */
export async function unlessTooBusy<T>(attempt: () => Promise<T>, more: readonly string[] = []): Promise<T> {
  for (const until = performance.now() + patience; ; ) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > until || ![...signs, ...more].some((sign) => String(error).includes(sign))) throw error
    }
  }
}
