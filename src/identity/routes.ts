import { Router } from 'express'
import type { JsonObject } from '../model.ts'

/** RFC 9728 section 3.1: the metadata of each MCP endpoint, which a client without a token is sent to. */
export const createIdentityRoutes = (given: {
  readonly hasUpstream: (name: string) => boolean
  readonly protectedResourceMetadata: (upstream: string) => JsonObject
}): Router => {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/.well-known/oauth-protected-resource/mcp/:upstream', (request, response) => {
    const { upstream } = request.params
    if (!given.hasUpstream(upstream)) {
      response.status(404).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404, code: 'not_found' }))
      return
    }
    response.set('Cache-Control', 'no-cache').json(given.protectedResourceMetadata(upstream))
  })
  return router
}
