import { STATUS_CODES } from 'node:http'
import type { Response } from 'express'
import type { Problem } from './contract/shapes.ts'

/** A refusal as a value: a handler returns one instead of an answer. */
export interface Refused {
  readonly refused: Problem
}

export const refuse = (status: number, code: string, detail?: string): Refused => ({
  refused: { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, ...(detail === undefined ? {} : { detail }) },
})

export const isRefused = (value: unknown): value is Refused => typeof value === 'object' && value !== null && 'refused' in value

/** RFC 9457 section 3: its own media type, the status repeated in the body. */
export function sendProblem(response: Response, { refused }: Refused): void {
  response.status(refused.status).type('application/problem+json').send(JSON.stringify(refused))
}
