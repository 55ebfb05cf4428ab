import { methods as before } from '../2025-06-18/methods.ts'
import type { MethodTable, RevisionMethods } from '../facts.ts'

/** Tasks: either side may ask about those that the other side runs. */
const tasks: MethodTable = {
  'tasks/get': { task: true },
  'tasks/result': { task: true },
  'tasks/list': { task: true },
  'tasks/cancel': { task: true },
}

/** schema/2025-11-25 added tasks (experimental) and elicitation by URL. */
export const methods: RevisionMethods = {
  to_server: {
    request: { ...before.to_server.request, ...tasks },
    notification: { ...before.to_server.notification, 'notifications/tasks/status': { task: true } },
  },
  to_client: {
    request: { ...before.to_client.request, ...tasks },
    notification: {
      ...before.to_client.notification,
      'notifications/tasks/status': { task: true },
      'notifications/elicitation/complete': {},
    },
  },
}
