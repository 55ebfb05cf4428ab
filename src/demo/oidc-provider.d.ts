// The package brings no types; this is the part of its interface that the demo uses.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface GrantContext {
    readonly oidc: {
      readonly client: object
      readonly params: Readonly<Record<string, unknown>>
      entity(name: string, entity: object): void
    }
    body: unknown
  }
  export default class Provider {
    constructor(issuer: string, configuration: object)
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    registerGrantType(name: string, handler: (context: GrantContext) => Promise<void>, parameters: readonly string[]): void
    readonly AccessToken: new (payload: object) => { save(): Promise<string> }
    readonly ResourceServer: new (identifier: unknown, description: object) => object
  }
  export namespace errors {
    class InvalidTarget extends Error {}
    class InvalidGrant extends Error {
      constructor(detail: string)
    }
  }
}
