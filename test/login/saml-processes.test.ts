import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/conditions.ts'
import { writeGatewayFiles, type GatewayFiles } from '../support/gateway-files.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { allowAll, greetingOf, post } from '../support/gateway.ts'
import { createPersonBrowser, type PersonBrowser } from '../support/person-browser.ts'
import { startSamlIdp, type SamlIdp } from '../support/saml-idp.ts'
import { newId } from '../support/saml-response.ts'
import { storeDirectory } from '../support/scratch.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'
import { registered, signInBy } from '../oauth/world.ts'

// Whoever has no token is given to the processes in turn, connection by connection: with one for each request, what one of them begins the next one finishes.
const inTurn = { connection: 'close' }
const place = storeDirectory('saml-')
let idp: SamlIdp
let stub: StubServer
let files: GatewayFiles
let gateway: GatewayProcess

const start = async () => {
  gateway = await startGatewayProcess(files)
}
beforeAll(async () => {
  idp = await startSamlIdp()
  stub = await startStubServer(mcpAnswers({ initialize: () => ({ protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'stub', version: '1' } }) }))
  writeFileSync(join(place, 'metadata.xml'), idp.metadata())
  files = await writeGatewayFiles({
    upstreams: { crm: { url: `${stub.url}/mcp` } }, rego: { 'policies/open/open.rego': allowAll },
    settings: { workers: 2, logging: { level: 'warn' }, identity: { providers: [{ kind: 'saml', name: 'corp', metadata: { file: join(place, 'metadata.xml') } }] } },
  })
  await start()
})
afterAll(async () => {
  await gateway?.kill('SIGKILL')
  await stub?.close()
  await idp?.close()
  for (const directory of [place, files?.directory]) if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

/** The person's browser stands before the provider, which has answered; nobody has posted that yet. */
async function begun(nameId = 'sam-4711') {
  const browser = createPersonBrowser(inTurn)
  await browser.visit(`${files.url}/login/corp`)
  const asked = idp.asked.at(-1)
  if (asked === undefined) throw new Error('nothing was asked')
  const { SAMLResponse } = await idp.answer(asked, { saying: { nameId, session: newId() } })
  return { browser, SAMLResponse }
}
const bring = (SAMLResponse: string) => fetch(`${files.url}/saml/corp/acs`, { method: 'POST', redirect: 'manual', headers: inTurn, body: new URLSearchParams({ SAMLResponse }) })
const finish = async ({ browser, SAMLResponse }: Awaited<ReturnType<typeof begun>>) => {
  const posted = await bring(SAMLResponse)
  expect(posted.status).toBe(303)
  return browser.visit(posted.headers.get('location') ?? '')
}
const isOut = async (browser: PersonBrowser): Promise<boolean> => !(await browser.visit(`${files.url}/login`, { follow: false })).text.includes('You are signed in')

test('what one process asked for is answered to the other', async () => {
  for (const _ of [1, 2]) expect((await finish(await begun())).text).toContain('You are signed in')
})

test('an assertion is good once, at whichever process it arrives', async () => {
  const one = await begun()
  const answers = await Promise.all(Array.from({ length: 8 }, () => bring(one.SAMLResponse)))
  expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array<number>(7).fill(403)])
})

test('a request outlives the gateway that made it, and a used assertion is remembered', async () => {
  const [used, open] = [await begun(), await begun()]
  await finish(used)
  await gateway.kill('SIGKILL')
  await start()
  expect((await bring(used.SAMLResponse)).status).toBe(403)
  expect((await finish(open)).text).toContain('You are signed in')
})

test('whom the provider signs out is out at every process, with all programs', async () => {
  const client = await registered(files.url)
  const people = []
  for (const nameId of ['ada-1', 'eve-2', 'sam-3', 'kim-4']) {
    const { browser } = await begun(nameId).then(async (one) => (await finish(one), one))
    people.push({ nameId, browser, token: (await signInBy(files.url, client, { browser })).access_token })
  }
  const knows = async (token: string) => (await post(files.mcp('crm'), token, greetingOf('plain'), inTurn)).status
  expect(await Promise.all(people.map(({ token }) => knows(token)))).toEqual([200, 200, 200, 200])
  const [last, ...gone] = people.toReversed()
  for (const { nameId } of gone) expect((await createPersonBrowser(inTurn).visit(idp.logoutRequestUrl(`${files.url}/saml/corp/slo`, { nameId }))).status).toBe(200)
  for (const { browser, token } of gone) {
    await until(async () => (await isOut(browser)) && (await isOut(browser)))
    await until(async () => (await knows(token)) === 401)
  }
  expect(await knows(last?.token ?? '')).toBe(200)
})
