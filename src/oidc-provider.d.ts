// The package brings no types; this is the part of its interface that is used here.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  type Params = Readonly<Record<string, unknown>>
  export interface OidcClient {
    readonly clientId: string
    readonly clientName?: string
    readonly clientUri?: string
    readonly redirectUris: readonly string[]
    readonly clientAuthMethod: string
    readonly clientIdMetadataDocument?: boolean
    grantTypeAllowed(name: string): boolean
    metadata(): Params
  }
  export interface OidcGrant {
    readonly jti: string
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }
  export interface OidcInteraction {
    readonly uid: string
    readonly iat: number
    readonly exp: number
    readonly returnTo: string
    readonly params: Params
    result?: object
    save(seconds: number): Promise<string>
  }
  export interface OidcDeviceCode {
    readonly jti: string
    readonly clientId: string
    readonly userCode: string
    readonly params: Params
    readonly isExpired: boolean
    readonly consumed?: number
    readonly accountId?: string
    readonly error?: string
    save(): Promise<string>
  }
  export interface OidcToken {
    readonly kind: string
    readonly clientId: string
    readonly accountId?: string
    readonly grantId?: string
    readonly gty?: string
    readonly scopes: ReadonlySet<string>
    readonly resourceServer?: object
    /** Claims that are set by the gateway: who acts for whoever it is about. */
    readonly acting?: object
    /** Seconds. */
    readonly expiration: number
    save(): Promise<string>
  }
  export interface OidcContext {
    readonly oidc: {
      readonly client: OidcClient
      readonly route: string
      readonly params: Params
      readonly result?: { readonly consent?: { readonly grantId: string } }
      readonly session: { readonly accountId?: string }
      readonly provider: Provider
      entity(name: string, entity: object): void
    }
    readonly req: IncomingMessage
    readonly res: ServerResponse
    readonly path: string
    readonly method: string
    readonly response: { get(name: string): string | readonly string[] | undefined; set(name: string, value: string | readonly string[]): void; remove(name: string): void }
    status: number
    type: string
    body: unknown
  }
  export default class Provider {
    constructor(issuer: string, configuration: object)
    /** Whether `X-Forwarded-*` are believed. */
    proxy: boolean
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    use(middleware: (context: OidcContext, next: () => Promise<void>) => Promise<void>): void
    on(event: string, listener: (...told: never[]) => void): void
    registerGrantType(name: string, handler: (context: OidcContext) => Promise<void>, parameters: readonly string[]): void
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<OidcInteraction>
    readonly DeviceCode: { findByUserCode(code: string): Promise<OidcDeviceCode | undefined> }
    readonly ClientCredentials: new (payload: object) => OidcToken
    readonly AccessToken: new (payload: object) => OidcToken
    readonly ResourceServer: new (identifier: unknown, description: object) => object
    readonly Grant: { new (payload: { readonly accountId: string; readonly clientId: string }): OidcGrant; find(id: string): Promise<OidcGrant | undefined> }
    readonly Client: { find(id: string): Promise<OidcClient | undefined> }
  }
  export namespace errors {
    class OIDCProviderError extends Error {
      readonly error: string
      readonly status: number
      readonly error_description?: string
    }
    class InvalidRequest extends OIDCProviderError {
      constructor(description?: string)
    }
    class InvalidTarget extends OIDCProviderError {
      constructor(description?: string)
    }
    class InvalidClientAuth extends OIDCProviderError {
      constructor(detail: string)
    }
    class InvalidGrant extends OIDCProviderError {
      constructor(detail: string)
    }
    class SessionNotFound extends OIDCProviderError {}
  }
  export namespace interactionPolicy {
    class Check {
      constructor(reason: string, description: string, check: (context: OidcContext) => boolean | Promise<boolean>)
    }
    class Prompt {
      constructor(about: { readonly name: string; readonly requestable: boolean }, ...checks: readonly Check[])
    }
  }
}
