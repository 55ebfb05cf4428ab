import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { Load } from './incoming.ts'

export type Body = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly status: number; readonly message: string }

const bodyTimeout = 30_000
const brokenOff = { ok: false, status: 400, message: 'the body broke off' } as const

/** The raw body, up to `limit` bytes, read within half a minute. What comes after a refusal is not read. Rejects with `GatewayError('busy')`. */
export function readBody(request: IncomingMessage, limit: number, load: Load): Promise<Body> {
  const tooLarge = { ok: false, status: 413, message: `the body is larger than ${limit} bytes` } as const
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve(tooLarge)
  // Its client left while its token was looked at: nothing more is told of it.
  if (request.destroyed) return Promise.resolve(brokenOff)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const stop = () => {
      clearTimeout(timer)
      request.off('data', read)
    }
    const settle = (outcome: Body) => {
      stop()
      resolve(outcome)
    }
    const timer = setTimeout(() => settle({ ok: false, status: 408, message: 'the body did not arrive in time' }), bodyTimeout)
    const read = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return settle(tooLarge)
      if (load.take(chunk.length)) return void chunks.push(chunk)
      stop()
      reject(new GatewayError('busy', { detail: 'messages of one caller, or of all, take too much memory' }))
    }
    request.on('data', read)
    request.once('end', () => settle({ ok: true, bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks) }))
    request.once('error', () => settle(brokenOff))
  })
}
