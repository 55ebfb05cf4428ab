import { methods as before } from '../2025-03-26/methods.ts'
import type { RevisionMethods } from '../facts.ts'

/** schema/2025-06-18 added elicitation. */
export const methods: RevisionMethods = {
  ...before,
  to_client: {
    ...before.to_client,
    request: { ...before.to_client.request, 'elicitation/create': { asks: 'client' } },
  },
}
