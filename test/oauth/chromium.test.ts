import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { startBrowser, type RealBrowser } from '../support/browser.ts'
import { greetingOf, post } from '../support/gateway.ts'
import { begunDevice, pollDevice } from './terminal.ts'
import { authorizationUrl, errorOf, pkce, redeem, registered, startWorld, type World } from './world.ts'

let world: World
let browser: RealBrowser
let client: Server
let back: string
const came: URLSearchParams[] = []

beforeAll(async () => {
  world = await startWorld({ identity: { clients: [{ client_id: 'terminal', name: 'The terminal', grants: ['device_code'] }] } })
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

test('somebody types in the code of a device, sees what it asks for, and the device goes on', async () => {
  const begin = () => begunDevice(world.url)
  const page = await browser.context.newPage()
  const device = await begin()
  await page.goto(device.verification_uri)
  await page.getByLabel('The code that your device shows').fill('BCDF-GHJK')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
  await shoot(page, 'device-wrong')
  await page.getByLabel('The code that your device shows').fill(device.user_code.toLowerCase().replace('-', ' '))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Let The terminal act for you?' }).waitFor()
  expect(await page.locator('dl').innerText()).toContain(device.user_code)
  await shoot(page, 'device')
  await page.getByRole('button', { name: 'Allow', exact: true }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Done' }).waitFor()
  const { access_token: token = '' } = (await (await pollDevice(world.url, device.device_code)).json()) as Readonly<Record<string, string>>
  expect((await post(world.gateway.mcp('crm'), token, greetingOf('terminal'))).status).toBe(200)

  const other = await begin()
  await page.goto(other.verification_uri_complete)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('button', { name: 'Do not allow' }).click()
  await page.getByRole('heading', { name: 'Not allowed' }).waitFor()
  expect(await errorOf(await pollDevice(world.url, other.device_code))).toEqual([400, 'access_denied'])
})

test('the pages that ask are read on a phone without scrolling sideways', async () => {
  const id = await registered(world.url, { client_name: 'An editor with a name that is rather longer than most', redirect_uris: [back] })
  const page = await browser.context.newPage()
  await page.setViewportSize({ width: 320, height: 640 })
  for (const url of [authorizationUrl(world.url, id, pkce(), { redirect_uri: back }), `${world.url}/oauth/device`, `${world.url}/login`, `${world.url}/logout`]) {
    await page.goto(url)
    // Without scripts of its own the page still has sizes.
    const [card, body] = await Promise.all([page.locator('.card').boundingBox(), page.locator('dl, form, ul').first().boundingBox()])
    expect(Math.max((card?.x ?? 0) + (card?.width ?? 0), (body?.x ?? 0) + (body?.width ?? 0))).toBeLessThanOrEqual(320)
    expect(body?.width).toBeGreaterThan(200)
  }
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
