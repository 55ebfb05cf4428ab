import { availableParallelism } from 'node:os'
import type { Settings } from './config/schema.ts'
import type { Gateway, GatewayOptions } from './gateway.ts'

/** How many processes serve. */
export const countOf = (workers: Settings['workers']): number => (workers === 'auto' ? availableParallelism() : workers)

/** A gateway as the settings want it: in this process, or in several under it. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const count = countOf(options.settings.workers)
  if (count === 1) return (await import('./gateway.ts')).createGateway(options)
  return (await import('./supervisor.ts')).createSupervisor(options, count)
}
