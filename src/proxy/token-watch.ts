import type { ServerResponse } from 'node:http'

/** A token that was taken back ends what it opened within this time, beside the time after which it is looked up anew. */
const lookEvery = 20_000

/** Looks again and again whether a token is still good, for as long as a stream is open that it opened. */
export function watchToken(isGood: () => Promise<boolean>, end: () => void, response: ServerResponse): void {
  const look = async (): Promise<void> => {
    // Who cannot be asked at the moment may be asked the next time.
    if (await isGood().catch(() => true)) return
    clearInterval(looking)
    end()
  }
  const looking = setInterval(() => void look(), lookEvery).unref()
  response.once('close', () => clearInterval(looking))
}
