import express, { type RequestHandler, type Response } from 'express'
import type { JsonObject } from '../model.ts'
import { describe, type RegisteredClients } from './clients.ts'
import { createAddressRate, type Tally } from './rates.ts'

const refuse = (response: Response, status: number, error: string, description: string): void => {
  response.status(status).set('Cache-Control', 'no-store').json({ error, error_description: description })
}

/** RFC 7591, for anybody: so it is bounded in rate, number, size and in what is asked for. `pass` gets what may be registered. */
export function createRegistration({ clients, perMinute, tally, pass }: {
  readonly clients: Pick<RegisteredClients, 'makeRoom' | 'from'>
  readonly perMinute: number
  readonly tally: Tally
  readonly pass: (metadata: JsonObject) => RequestHandler
}): readonly RequestHandler[] {
  const mayGo = createAddressRate('registrations', perMinute, tally)
  const within: RequestHandler = async (request, response, next) => {
    if (await mayGo(request.socket.remoteAddress)) return next()
    response.set('Retry-After', '60')
    refuse(response, 429, 'temporarily_unavailable', 'too many registrations from this address; try again in a minute')
  }
  const register: RequestHandler = async (request, response, next) => {
    const given: unknown = request.body
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return refuse(response, 400, 'invalid_client_metadata', 'the body must be a JSON object of at most 16 KiB')
    const described = describe(given as JsonObject)
    if (!described.ok) return refuse(response, 400, described.error, described.message)
    const { client_id: _, ...metadata } = described.metadata
    if (!(await clients.makeRoom())) {
      response.set('Retry-After', '3600')
      return refuse(response, 503, 'temporarily_unavailable', 'there are as many registered clients as there may be, and all are in use')
    }
    return clients.from(request.socket.remoteAddress ?? '', () => pass(metadata)(request, response, next))
  }
  return [within, express.json({ limit: '16kb' }), register]
}
