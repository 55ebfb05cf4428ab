import type { Gateway } from './gateway.ts'
import type { Logger } from './model.ts'

/** Runs a gateway until SIGTERM or SIGINT; a second signal ends the process at once. Resolves when everything is closed. */
export async function runUntilSignal(gateway: Pick<Gateway, 'listen' | 'close'>, onListening: (url: string) => void, logger?: Pick<Logger, 'info'>): Promise<void> {
  const { url } = await gateway.listen()
  const told = new Promise<void>((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      logger?.info('stopping: nothing new is taken, what runs may end', { signal })
      process.once('SIGTERM', () => process.exit(1)).once('SIGINT', () => process.exit(1))
      resolve()
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  })
  onListening(url)
  await told
  await gateway.close()
  logger?.info('stopped')
}
