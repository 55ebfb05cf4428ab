import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { findServer } from '../../src/credentials/oauth/server.ts'
import { createOutbound } from '../../src/outbound/outbound.ts'
import { events, json } from '../support/stub-server.ts'

test('a server that gives whoever asks a stream without end is still asked who gives tokens for it', async () => {
  const server = createServer((request, response) => {
    if (request.url !== '/mcp') return json(response, { resource: url, authorization_servers: ['https://as.example'] })
    if (request.method === 'GET') return events(response, [': open\n\n'])
    response.writeHead(401, { 'www-authenticate': 'Bearer scope="mail"' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const outbound = createOutbound({ settings: { allow: [] } })
  const fetch = outbound.fetchFor({ purpose: 'credentials', configured: [url], within: 1000 })
  expect(await findServer(url, {}, fetch)).toEqual({ issuer: 'https://as.example', resource: url, scope: 'mail' })
  server.closeAllConnections()
  server.close()
  await expect(findServer(url, {}, fetch)).rejects.toMatchObject({ code: 'unreachable' })
  outbound.close()
})
