import type { RevisionMethods } from '../facts.ts'

/** schema/2024-11-05: ClientRequest and ServerRequest with their notifications. */
export const methods: RevisionMethods = {
  to_server: {
    request: {
      initialize: {},
      ping: {},
      'tools/list': { list: 'tools' },
      'tools/call': { call: 'tool', holdable: true },
      'resources/list': { list: 'resources' },
      'resources/templates/list': { list: 'resourceTemplates' },
      'resources/read': { call: 'resource', holdable: true },
      'resources/subscribe': { call: 'resource' },
      'resources/unsubscribe': { call: 'resource' },
      'prompts/list': { list: 'prompts' },
      'prompts/get': { call: 'prompt', holdable: true },
      'completion/complete': { call: 'completion' },
      'logging/setLevel': {},
    },
    notification: {
      'notifications/initialized': {},
      'notifications/cancelled': {},
      'notifications/progress': {},
      'notifications/roots/list_changed': {},
    },
  },
  to_client: {
    request: {
      ping: {},
      'sampling/createMessage': { asks: 'client' },
      'roots/list': { asks: 'client' },
    },
    notification: {
      'notifications/cancelled': {},
      'notifications/progress': {},
      'notifications/message': {},
      'notifications/resources/updated': {},
      'notifications/resources/list_changed': {},
      'notifications/tools/list_changed': {},
      'notifications/prompts/list_changed': {},
    },
  },
}
