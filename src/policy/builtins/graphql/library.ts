/** The library is loaded when a policy first calls a builtin that needs it: most never do. */
import { createRequire } from 'node:module'
import type * as GraphQL from 'graphql'

const require = createRequire(import.meta.url)

export function graphql(): typeof GraphQL {
  return require('graphql') as typeof GraphQL
}
export type { GraphQL }
