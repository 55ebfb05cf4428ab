import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { Load } from './incoming.ts'

export type Body = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly status: number; readonly message: string }

const bodyTimeout = 30_000
/** A piece costs some two hundred bytes beside its own: of so many, one is made. */
const mostPieces = 1000
const brokenOff = { ok: false, status: 400, message: 'the body broke off' } as const

/** The raw body, up to `limit` bytes, read within half a minute. What comes after a refusal is not read. Rejects with `GatewayError('busy')`. */
export function readBody(request: IncomingMessage, limit: number, load: Load): Promise<Body> {
  const tooLarge = { ok: false, status: 413, message: `the body is larger than ${limit} bytes` } as const
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve(tooLarge)
  // Its client left while its token was looked at: nothing more is told of it.
  if (request.destroyed) return Promise.resolve(brokenOff)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let whole = 0
    let size = 0
    const keep = (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunks.length - whole === mostPieces) whole = chunks.push(Buffer.concat(chunks.splice(whole)))
    }
    const stop = () => {
      clearTimeout(timer)
      request.off('data', read)
      chunks.length = 0 // the request may go on arriving, and holds what listens to it
    }
    const settle = (outcome: Body) => {
      stop()
      resolve(outcome)
    }
    const timer = setTimeout(() => settle({ ok: false, status: 408, message: 'the body did not arrive in time' }), bodyTimeout)
    const read = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return settle(tooLarge)
      if (load.take(chunk.length)) return keep(chunk)
      stop()
      reject(new GatewayError('busy', { detail: 'messages of one caller, or of all, take too much memory' }))
    }
    request.on('data', read)
    request.on('end', () => settle({ ok: true, bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks) }))
    request.on('error', () => settle(brokenOff))
  })
}
