import { availableParallelism } from 'node:os'
import type { Settings } from './config/schema.ts'
import type { Gateway, GatewayOptions } from './gateway.ts'

/** How many processes serve: with `auto` no more than there is something to share out among them. */
export const countOf = ({ workers, limits: { sessions, children, connections } }: Settings): number =>
  workers === 'auto' ? Math.min(availableParallelism(), sessions, children, connections) : workers

/** A gateway as the settings want it: in this process, or in several under it. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const count = countOf(options.settings)
  if (count === 1) return (await import('./gateway.ts')).createGateway(options)
  return (await import('./supervisor.ts')).createSupervisor(options, count)
}
