// The package brings no types; this is the part of its interface that the demo uses.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export default class Provider {
    constructor(issuer: string, configuration: object)
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    on(event: string, listener: (...args: never[]) => void): this
  }
  export namespace errors {
    class InvalidTarget extends Error {
      constructor(description?: string)
    }
  }
}
