import type { RevisionMethods } from '../facts.ts'

const TASKS = 'io.modelcontextprotocol/tasks'

/** schema/2026-07-28: no handshake, no sessions, no requests of the server; and the tasks extension. */
export const methods: RevisionMethods = {
  to_server: {
    request: {
      'server/discover': { cacheable: true },
      'tools/list': { list: 'tools', cacheable: true },
      'tools/call': { call: 'tool', holdable: true },
      'resources/list': { list: 'resources', cacheable: true },
      'resources/templates/list': { list: 'resourceTemplates', cacheable: true },
      'resources/read': { call: 'resource', holdable: true, cacheable: true },
      'prompts/list': { list: 'prompts', cacheable: true },
      'prompts/get': { call: 'prompt', holdable: true },
      'completion/complete': { call: 'completion' },
      'subscriptions/listen': {},
      'tasks/get': { task: true, extension: TASKS },
      'tasks/update': { task: true, extension: TASKS },
      'tasks/cancel': { task: true, extension: TASKS },
    },
    notification: { 'notifications/cancelled': {} },
  },
  to_client: {
    request: {},
    notification: {
      'notifications/cancelled': {},
      'notifications/progress': {},
      'notifications/message': {},
      'notifications/resources/updated': {},
      'notifications/resources/list_changed': {},
      'notifications/tools/list_changed': {},
      'notifications/prompts/list_changed': {},
      'notifications/subscriptions/acknowledged': {},
      'notifications/tasks': { task: true, extension: TASKS },
    },
  },
}
