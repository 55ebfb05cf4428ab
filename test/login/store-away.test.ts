import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { agree, authorizationUrl, pkce, redeem, register, registered, signInBy, startWorld, type World } from '../oauth/world.ts'
import { until } from '../support/conditions.ts'
import { createPersonBrowser } from '../support/person-browser.ts'

let world: World
let locked: DatabaseSync | undefined
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => unlock())
afterAll(() => world.close())

/** Somebody else writes to the store, and does not come to an end. */
const lock = () => {
  locked = new DatabaseSync(join(world.gateway.directory, 'sallyport.db'), { timeout: 60_000 })
  locked.exec('BEGIN IMMEDIATE')
}
const unlock = () => {
  locked?.exec('ROLLBACK')
  locked?.close()
  locked = undefined
}

test('people who cannot be signed in now are told so on a page, and their programs are told to try again', async () => {
  const client = await registered(world.url)
  const own = pkce()
  const code = (await agree(authorizationUrl(world.url, client, own))).searchParams.get('code') ?? ''
  lock()
  const page = await createPersonBrowser().visit(`${world.url}/login`)
  expect([page.status, page.headers.get('retry-after'), page.headers.get('content-type')]).toEqual([503, '2', 'text/html; charset=utf-8'])
  expect(page.text).toMatch(/Not at the moment[\s\S]+load this page again[\s\S]+<code>[0-9a-f]{12}<\/code>/)
  const refused = await redeem(world.url, client, code, own.verifier)
  expect([refused.status, await refused.json()]).toEqual([503, expect.objectContaining({ error: 'server_error' })])
  expect((await register(world.url)).status).toBe(503)
})

test('when it can be written again they are signed in', async () => {
  lock()
  expect((await createPersonBrowser().visit(`${world.url}/login`)).status).toBe(503)
  unlock()
  await until(async () => (await createPersonBrowser().visit(`${world.url}/login`)).status === 200)
  expect((await signInBy(world.url, await registered(world.url))).token_type).toBe('Bearer')
})
