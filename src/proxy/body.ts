import type { IncomingMessage } from 'node:http'

export type Body = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly status: number; readonly message: string }

const bodyTimeout = 30_000

/** The raw body, up to `limit` bytes, read within half a minute. What comes after a refusal is not read. */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  const tooLarge = { ok: false, status: 413, message: `the body is larger than ${limit} bytes` } as const
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve(tooLarge)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (outcome: Body) => {
      clearTimeout(timer)
      request.off('data', read)
      resolve(outcome)
    }
    const timer = setTimeout(() => settle({ ok: false, status: 408, message: 'the body did not arrive in time' }), bodyTimeout)
    const read = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return settle(tooLarge)
      chunks.push(chunk)
    }
    request.on('data', read)
    request.once('end', () => settle({ ok: true, bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks) }))
    request.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}
