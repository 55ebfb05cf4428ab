import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import express from 'express'
import { createHostGuard } from '../../src/identity/host-guard.ts'
import { createIdentityRoutes } from '../../src/identity/routes.ts'
import { createRig, settingsFor } from './issuer.ts'

let server: Server
let port: number
beforeAll(async () => {
  const { identity } = createRig(settingsFor('https://issuer.example', { kind: 'person' }))
  const app = express()
  const mayPass = createHostGuard({ hosts: ['gateway.example', '127.0.0.1:8080'], origins: ['https://gateway.example'] })
  app.use((request, response, next) => {
    if (mayPass(request, response)) next()
  })
  app.use(createIdentityRoutes({ hasUpstream: name => name === 'crm', protectedResourceMetadata: identity.protectedResourceMetadata }))
  app.get('/anything', (_, response) => void response.send('let in'))
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.close()
  await once(server, 'close')
})

/** Sends the head of a request as it stands, which no client library would. */
const send = async (target: string, headers: readonly string[]): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  socket.end([`GET ${target} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n'))
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}
const statusOf = async (headers: readonly string[], target = '/anything') => Number((await send(target, headers)).split(' ')[1])

test.each<readonly [string, readonly string[], number]>([
  ['the public host', ['Host: gateway.example'], 200],
  ['the public host with its default port', ['Host: GATEWAY.example:443'], 200],
  ['the address listened on', ['Host: 127.0.0.1:8080'], 200],
  ['the right origin', ['Host: gateway.example', 'Origin: https://gateway.example'], 200],
  ['another host', ['Host: evil.example'], 403],
  ['another port', ['Host: 127.0.0.1:9'], 403],
  ['a host that ends alike', ['Host: evil.gateway.example'], 403],
  ['another origin', ['Host: gateway.example', 'Origin: https://evil.example'], 403],
  ['the right origin over http', ['Host: gateway.example', 'Origin: http://gateway.example'], 403],
  ['an opaque origin', ['Host: gateway.example', 'Origin: null'], 403],
  ['two hosts', ['Host: gateway.example', 'Host: evil.example'], 400],
  ['the same host twice', ['Host: gateway.example', 'Host: gateway.example'], 400],
  ['two origins', ['Host: gateway.example', 'Origin: https://gateway.example', 'Origin: https://evil.example'], 400],
  ['no host', [], 400],
])('a request with %s gets %s %d', async (_, headers, status) => {
  expect(await statusOf(headers)).toBe(status)
})

test('a target in absolute form is refused', async () => {
  expect(await statusOf(['Host: gateway.example'], 'http://evil.example/anything')).toBe(400)
})

test('the metadata of an MCP endpoint is there for everybody, that of an unknown one is not', async () => {
  const answer = await send('/.well-known/oauth-protected-resource/mcp/crm', ['Host: gateway.example'])
  expect(JSON.parse(answer.slice(answer.indexOf('{')))).toEqual({
    resource: 'https://gateway.example/mcp/crm',
    authorization_servers: ['https://issuer.example'],
    bearer_methods_supported: ['header'],
  })
  expect(await statusOf(['Host: gateway.example'], '/.well-known/oauth-protected-resource/mcp/files')).toBe(404)
  expect(await statusOf(['Host: gateway.example'], '/.well-known/oauth-protected-resource')).toBe(404)
})
