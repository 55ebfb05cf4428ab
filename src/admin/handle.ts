import type { z } from 'zod'
import type { Caller } from './access.ts'
import type { Operation, operations } from './contract/index.ts'
import type { Refused } from './problem.ts'

type Shape<O extends Operation, K extends 'query' | 'body'> = O extends { readonly [key in K]: infer S extends z.ZodType } ? z.output<S> : undefined
type Answer<O extends Operation> = O extends { readonly answer: infer S extends z.ZodType } ? z.input<S> : unknown

export interface Asked<O extends Operation> {
  readonly caller: Caller
  readonly id: string
  readonly query: Shape<O, 'query'>
  readonly body: Shape<O, 'body'>
}

/** One operation without HTTP: what was asked, checked by its shape, to an answer or a refusal. */
export type Handle<O extends Operation> = (asked: Asked<O>) => Promise<Answer<O> | Refused>
export type Handles = { readonly [name in keyof typeof operations as (typeof operations)[name] extends { readonly media: string } ? never : name]: Handle<(typeof operations)[name]> }

export const toTime = (milliseconds: number): string => new Date(milliseconds).toISOString()
