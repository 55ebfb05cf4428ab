export type Listing = 'tools' | 'resources' | 'resourceTemplates' | 'prompts'

/** What the gateway has to know about a method beyond its name. */
export interface MethodFacts {
  /** What `params` name: judged as `message.call`. */
  readonly call?: 'tool' | 'prompt' | 'resource' | 'completion'
  /** It may wait for an approval, and from 2026-07-28 on be answered with `input_required`. */
  readonly holdable?: true
  /** A server asks it of the client. */
  readonly asks?: 'client'
  /** The member of the result that is a list. */
  readonly list?: Listing
  /** It is about a task, named by `params.taskId`. */
  readonly task?: true
  /** Its results carry `ttlMs` and `cacheScope`. */
  readonly cacheable?: true
  /** It comes from an extension, not from the revision itself. */
  readonly extension?: string
}

export type MethodTable = { readonly [method: string]: MethodFacts }

/** The methods of one revision. One that is absent is unknown to it. */
export interface RevisionMethods {
  readonly to_server: { readonly request: MethodTable; readonly notification: MethodTable }
  readonly to_client: { readonly request: MethodTable; readonly notification: MethodTable }
}
