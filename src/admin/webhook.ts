import type { IncomingHttpHeaders } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import { refuse, sendProblem } from './problem.ts'

/** What a Git host may tell: that there may be something new. */
export interface Webhook {
  /** The signature of a delivery; undefined where it has none. */
  readonly open: (headers: IncomingHttpHeaders) => { update(part: Uint8Array): void; holds(): boolean } | undefined
  /** Has the source looked at now. Does not wait for it. */
  readonly look: () => void
  /** Of every delivery that was not believed. */
  readonly refused: (request: Request, refusal: { readonly status: number; readonly code: string; readonly message: string }) => void
  readonly clock: () => number
}

/** GitHub sends no more than this; nothing of it is kept. */
const largest = 25 * 1024 * 1024
const mostAtOnce = 64
const mostOfOneAtOnce = 8
/** So many of one address may be wrong in a minute. */
const mostWrong = 20
const mostAddresses = 10_000
const minute = 60_000

/** Counts what was wrong, by address and minute. */
const createWrongs = (clock: () => number) => {
  const counts = new Map<string, number>()
  let since = clock()
  const now = (): Map<string, number> => {
    if (clock() - since >= minute || counts.size > mostAddresses) {
      counts.clear()
      since = clock()
    }
    return counts
  }
  return {
    isTooMany: (address: string): boolean => (now().get(address) ?? 0) >= mostWrong,
    add: (address: string): void => void now().set(address, (counts.get(address) ?? 0) + 1),
  }
}

/** `POST /policy/webhook`: the signature is the credential, and the only thing that is believed. */
export function createWebhookAnswer({ open, look, refused, clock }: Webhook): RequestHandler {
  const wrongs = createWrongs(clock)
  /** What is being read, by address. */
  const reading = new Map<string, number>()
  let all = 0
  const count = (address: string, by: 1 | -1): void => {
    all += by
    const own = (reading.get(address) ?? 0) + by
    if (own === 0) reading.delete(address)
    else reading.set(address, own)
  }

  const read = async (request: Request): Promise<'looks' | 'wrong' | 'too_large'> => {
    const delivery = open(request.headers)
    if (delivery === undefined) return 'wrong'
    let size = 0
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length
      if (size > largest) return 'too_large'
      delivery.update(part)
    }
    return delivery.holds() ? 'looks' : 'wrong'
  }

  const answer = async (request: Request, response: Response): Promise<void> => {
    const address = request.socket.remoteAddress ?? ''
    // What is not read whole ends the connection.
    const end = (status: number, code: string, message: string): void => sendProblem(response.set('Connection', 'close'), refuse(status, code, message))
    if (wrongs.isTooMany(address) || all >= mostAtOnce || (reading.get(address) ?? 0) >= mostOfOneAtOnce) return end(429, 'too_many_deliveries', 'too many deliveries; the policies are also looked at from time to time')
    count(address, 1)
    const found = await read(request).finally(() => count(address, -1))
    if (found === 'looks') {
      look()
      return void response.status(202).json({ looking: true })
    }
    wrongs.add(address)
    const refusal = found === 'wrong' ? { status: 401, code: 'signature_wrong', message: 'the delivery is not signed with the secret of policy.source.webhook' } : { status: 413, code: 'body_too_large', message: 'the delivery is too large' }
    refused(request, refusal)
    end(refusal.status, refusal.code, refusal.message)
  }
  return (request, response, next) => {
    // A client that leaves while it is read wants no answer.
    answer(request, response).catch((fault: unknown) => (request.destroyed ? response.destroy() : next(fault)))
  }
}
