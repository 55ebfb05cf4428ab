import http from 'node:http'
import { authorizationUrl, pkce, redirect, startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ identity: { registration: { most: 10 } } })
})
afterAll(() => world.close())

/** From one of the many addresses that this machine has. */
const registerFrom = (localAddress: string): Promise<string> => new Promise((resolve, reject) => {
  const request = http.request(`${world.url}/oauth/register`, { method: 'POST', localAddress, headers: { 'content-type': 'application/json' } }, (response) => {
    response.setEncoding('utf8').on('data', (text: string) => resolve((JSON.parse(text) as { client_id: string }).client_id))
  })
  request.on('error', reject).end(JSON.stringify({ client_name: 'A test', redirect_uris: [redirect], token_endpoint_auth_method: 'none' }))
})
const isKnown = async (client: string): Promise<boolean> => {
  const answer = await fetch(authorizationUrl(world.url, client, pkce()), { redirect: 'manual' })
  return answer.status === 303 && (answer.headers.get('location') ?? '').includes('/oauth/consent/')
}

test('a client that has just registered is not forgotten because others register thousands', async () => {
  const mine = await registerFrom('127.0.0.2')
  let last = ''
  for (let times = 0; times < 14; times += 1) last = await registerFrom(`127.0.0.${3 + (times % 3)}`)
  expect(await isKnown(mine)).toBe(true)
  expect(await isKnown(last)).toBe(true)
  // Where all have one each, the oldest goes.
  for (let times = 0; times < 12; times += 1) await registerFrom(`127.0.1.${1 + times}`)
  expect(await isKnown(mine)).toBe(false)
})
