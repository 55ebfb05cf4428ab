import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { startBrowser, type RealBrowser } from '../support/browser.ts'
import { authorizationUrl, pkce, redeem, registered, startWorld, type World } from './world.ts'

let world: World
let browser: RealBrowser
let client: Server
let back: string
const came: URLSearchParams[] = []

beforeAll(async () => {
  world = await startWorld()
  client = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://client')
    if (url.pathname === '/callback') came.push(url.searchParams)
    response.writeHead(200, { 'content-type': 'text/plain' }).end('back at the client')
  })
  await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve))
  back = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`
  browser = await startBrowser({ javaScript: false })
})
afterAll(async () => {
  await browser.close()
  client.closeAllConnections()
  client.close()
  await world.close()
})

const shots = process.env['SCREENSHOTS']
const shoot = async (page: Page, name: string) => {
  if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true })
}

test('somebody lets a program in, by the keyboard and without scripts, and comes back to it', async () => {
  const id = await registered(world.url, { client_name: 'Editor', redirect_uris: [back] })
  const own = pkce()
  const page = await browser.context.newPage()
  await page.goto(authorizationUrl(world.url, id, own, { redirect_uri: back }))
  expect(await page.title()).toBe('Let Editor act for you? · Sallyport')
  await shoot(page, 'consent')
  await page.getByRole('button', { name: 'Allow', exact: true }).focus()
  await page.keyboard.press('Enter')
  await page.getByText('back at the client').waitFor()
  const code = came.at(-1)?.get('code') ?? ''
  expect(came.at(-1)?.get('iss')).toBe(world.url)
  expect((await redeem(world.url, id, code, own.verifier, { redirect_uri: back })).status).toBe(200)

  await page.goto(authorizationUrl(world.url, id, pkce(), { redirect_uri: back }))
  await page.getByRole('button', { name: 'Do not allow' }).click()
  await page.getByText('back at the client').waitFor()
  expect(came.at(-1)?.get('error')).toBe('access_denied')
})

test('a page that belongs to nobody says so', async () => {
  const page = await browser.context.newPage()
  const answer = await page.goto(`${world.url}/oauth/consent/nothing`)
  expect(answer?.status()).toBe(400)
  await page.getByText('This sign-in has expired').waitFor()
  await shoot(page, 'expired')
  await page.goto(authorizationUrl(world.url, 'nobody', pkce()))
  await page.getByText('This cannot go on').waitFor()
  await shoot(page, 'refused')
})
