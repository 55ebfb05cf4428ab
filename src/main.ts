import type { Gateway } from './gateway.ts'

/** Runs a gateway until SIGTERM or SIGINT; a second signal ends the process at once. Resolves when everything is closed. */
export async function runUntilSignal(gateway: Pick<Gateway, 'listen' | 'close'>, onListening: (url: string) => void): Promise<void> {
  const { url } = await gateway.listen()
  const told = new Promise<void>((resolve) => {
    const stop = () => {
      process.once('SIGTERM', () => process.exit(1)).once('SIGINT', () => process.exit(1))
      resolve()
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  })
  onListening(url)
  await told
  await gateway.close()
}
