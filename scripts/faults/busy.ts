/** A machine with much else to do may not compile the policies in time: then a gateway says so and does not start. */
const isTooBusy = (error: unknown): boolean => error instanceof Error && error.message.includes('[no_answer]')
const mostTries = 5

/** Does it again where that was in the way of a start. */
export async function unlessTooBusy<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (tries === mostTries || !isTooBusy(error)) throw error
    }
  }
}
