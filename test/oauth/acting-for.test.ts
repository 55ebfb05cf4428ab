import { request } from 'node:http'
import { ownerOf } from '../../src/workers/owner.ts'
import { until } from '../support/conditions.ts'
import { askApi, connect, greetingOf, post } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { asClient, startActingWorld, tokenOf, type ActingWorld } from './acting-world.ts'
import { registered, sam, signInBy, tokenRequest, type Tokens } from './world.ts'

const hello = greetingOf('agent')
const did = (tool: string) => ({ content: [{ text: `did ${tool}` }] })

/** How serious what somebody is told is, as it comes. */
function levelsOf(stream: Response): { readonly levels: readonly unknown[] } {
  const levels: unknown[] = []
  void (async () => {
    let text = ''
    for await (const chunk of stream.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString()
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const data = /^data: ?(\{.*)$/m.exec(event)?.[1]
        if (data !== undefined) levels.push((JSON.parse(data) as { params?: { level?: unknown } }).params?.level)
      }
    }
  })().catch(() => undefined)
  return { levels }
}

describe('whoever acts for somebody', () => {
  let world: ActingWorld
  let url: string
  let editor: string

  beforeAll(async () => {
    world = await startActingWorld()
    url = world.url
    editor = await registered(url)
  })
  beforeEach(() => {
    world.idp.shape.claims = { ...sam, groups: ['support', 'oncall'] }
  })
  afterAll(() => world?.close())

  const signIn = (): Promise<Tokens> => signInBy(url, editor, { scope: 'mcp:crm mcp:crm:write' })
  const acting = (subject_token: string, client = 'assistant', actor_token?: string): Promise<string> => tokenOf(world.exchange({ subject_token, actor_token }, client))
  const call = async (token: string, tool: string) => (await connect(`${url}/mcp/crm`, token, '2025-11-25')).request('tools/call', { name: tool, arguments: {} })
  const statusWith = async (token: string): Promise<number> => (await post(`${url}/mcp/crm`, token, hello)).status
  const api = async (token: string, path: string, body?: object) => {
    const response = await askApi(url, token, path, body)
    return { status: response.status, body: (await response.json()) as { readonly items: readonly { readonly id: string; readonly actor: object; readonly requester: object }[]; readonly code?: string } }
  }
  const giveBack = (token: string, client: string) => fetch(`${url}/oauth/revoke`, { method: 'POST', headers: asClient(client), body: new URLSearchParams({ token }) })
  const told = async (token: string): Promise<Record<string, unknown>> => (await (await fetch(`${url}/oauth/introspect`, { method: 'POST', headers: asClient('nightly'), body: new URLSearchParams({ token }) })).json()) as Record<string, unknown>

  test('is let in by a policy that names both, and kept from what is for people', async () => {
    const { access_token: own } = await signIn()
    const agent = await acting(own)
    expect((await call(agent, 'read_one')).result).toMatchObject(did('read_one'))
    expect((await call(agent, 'delete_all')).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'people_only' }] } } })
    expect((await call(own, 'delete_all')).result).toMatchObject(did('delete_all'))
    expect((await call(await acting(own, 'third'), 'read_one')).error).toMatchObject({ code: -32602 })
    const workload = await acting(own, 'assistant', await world.workload())
    expect((await call(workload, 'read_one')).result).toMatchObject(did('read_one'))
    expect((await call(await acting(agent, 'helper'), 'read_one')).result).toMatchObject(did('read_one'))
    expect((await call(await acting(workload, 'helper'), 'read_one')).result).toMatchObject(did('read_one'))
  })

  test('is not somebody else who is called alike', async () => {
    world.idp.shape.claims = { ...sam, sub: 'sue', email: 'sue@example.com' }
    expect((await call(await acting((await signIn()).access_token), 'read_one')).error).toMatchObject({ code: -32602 })
    const itself = await tokenOf(tokenRequest(url, { grant_type: 'client_credentials', resource: `${url}/mcp/crm` }, asClient('assistant')))
    expect((await call(itself, 'read_one')).error).toMatchObject({ code: -32602 })
  })

  test('is in the record, with the person', async () => {
    await call(await acting(await acting((await signIn()).access_token), 'helper'), 'read_one')
    const auditor = await world.gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')
    const { body } = await api(auditor, 'sessions?actor=helper')
    for (const name of ['assistant', sam.sub, sam.email]) expect((await api(auditor, `sessions?actor=${name}`)).body.items).toContainEqual(body.items[0])
    expect(body.items[0]?.actor).toMatchObject({
      kind: 'agent', issuer: url, provider: 'gateway', subject: 'helper',
      acting_for: [{ issuer: url, subject: 'assistant' }, { issuer: world.idp.issuer, subject: 'sam', email: sam.email }],
    })
  })

  test('gets no approval from that person, nor from the same address elsewhere', async () => {
    const held = call(await acting(await acting((await signIn()).access_token), 'helper'), 'delete_one')
    const other = await world.gateway.token({ subject: 'rita', groups: ['oncall'] }, 'api')
    const id = await until(async () => (await api(other, 'approvals?state=pending')).body.items[0]?.id)
    const { access_token: sams } = await signInBy(url, editor, { resource: `${url}/api/v1`, scope: 'api' })
    const namesake = await world.gateway.token({ subject: 'samuel', groups: ['oncall'], email: sam.email }, 'api')
    expect((await api(other, 'approvals?state=pending')).body.items[0]?.requester).toMatchObject({ kind: 'agent', subject: 'helper', acting_for: [{ subject: 'assistant' }, { subject: 'sam', email: sam.email }] })
    for (const token of [sams, namesake]) expect(await api(token, `approvals/${id}/approve`, { reason: 'mine' })).toMatchObject({ status: 403, body: { code: 'own_request' } })
    expect((await api(other, `approvals/${id}/approve`, { reason: 'known' })).status).toBe(200)
    expect((await held).result).toMatchObject(did('delete_one'))
  })

  test('is told what its person may be told, by the groups they have by now', async () => {
    const { access_token: own } = await signInBy(url, editor, { resource: `${url}/mcp/wiki`, scope: 'mcp:wiki' })
    const agent = await acting(await acting(own), 'helper')
    const { session = '' } = await connect(`${url}/mcp/wiki`, agent, '2025-11-25')
    const stream = await fetch(`${url}/mcp/wiki`, { headers: { authorization: `Bearer ${agent}`, accept: 'text/event-stream', 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } })
    const heard = levelsOf(stream)
    await until(async () => {
      world.say('info')
      return heard.levels.length > 0
    })
    const errors = () => heard.levels.filter((level) => level === 'error').length
    world.say('error')
    await until(() => errors() === 1)
    world.idp.shape.claims = { ...sam, groups: ['support', 'oncall', 'blocked'] }
    await createPersonBrowser().visit(`${url}/login/corp?return=/login`)
    world.say('info')
    world.say('error')
    await until(() => errors() === 2)
    expect(heard.levels.slice(heard.levels.indexOf('error'))).toEqual(['error', 'error'])
    await stream.body?.cancel().catch(() => undefined)
  })

  test('gives back what it has, and nothing of what the person gave others', async () => {
    const { access_token: own } = await signIn()
    const [agent, kept] = [await acting(own), await acting(own)]
    const after = await acting(agent, 'helper')
    expect(await told(agent)).toMatchObject({ active: true, client_id: 'assistant', sub: expect.stringMatching(/^acc_/), act: { sub: 'assistant' }, aud: `${url}/mcp/crm` })
    await giveBack(agent, 'helper')
    expect(await statusWith(agent)).toBe(200)
    await giveBack(agent, 'assistant')
    // What came of it ends with it.
    expect(await Promise.all([agent, after, kept, own].map(statusWith))).toEqual([401, 401, 200, 200])
    expect([await told(agent), await told(after)]).toEqual([{ active: false }, { active: false }])
    expect((await world.exchange({ subject_token: agent }, 'third')).status).toBe(400)
  })

  test('ends with what the person gave the client it came from', async () => {
    const { access_token: own, refresh_token: refresh } = await signIn()
    const agent = await acting(await acting(own), 'helper')
    expect(await statusWith(agent)).toBe(200)
    await fetch(`${url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: refresh, client_id: editor }) })
    expect([await statusWith(agent), await told(agent)]).toEqual([401, { active: false }])
    expect((await world.exchange({ subject_token: own })).status).toBe(400)
  })

  test('ends with the person\'s place in the group, streams included', async () => {
    const { access_token: own } = await signIn()
    const agent = await acting(own)
    const { session = '' } = await connect(`${url}/mcp/crm`, agent, '2025-11-25')
    const stream = await fetch(`${url}/mcp/crm`, { headers: { authorization: `Bearer ${agent}`, accept: 'text/event-stream', 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } })
    expect(stream.status).toBe(200)
    world.idp.shape.claims = { ...sam, groups: ['office'] }
    await createPersonBrowser().visit(`${url}/login/corp?return=/login`)
    await stream.text().catch(() => 'cut off')
    expect([await statusWith(agent), await statusWith(own)]).toEqual([401, 200])
    expect((await world.exchange({ subject_token: own })).status).toBe(400)
    expect((await world.exchange({ subject_token: own }, 'clerk')).status).toBe(200)
  })

  test('ends where nobody knows the groups of the person', async () => {
    const { access_token: own } = await signIn()
    const agent = await acting(own)
    world.idp.shape.claims = { ...sam, groups: undefined, _claim_names: { groups: 'src1' } }
    await createPersonBrowser().visit(`${url}/login/corp?return=/login`)
    expect(await statusWith(agent)).toBe(401)
  })

  test('ends with the account', async () => {
    const browser = createPersonBrowser()
    const { access_token: own } = await signInBy(url, editor, { browser })
    const agent = await acting(own)
    await browser.submit(await browser.visit(`${url}/logout`), {}, 'value="everywhere"')
    expect([await statusWith(agent), await told(agent)]).toEqual([401, { active: false }])
    expect((await world.exchange({ subject_token: own })).status).toBe(400)
  })
})

test('with several workers nothing of people and of those who act for them is handed over', async () => {
  const world = await startActingWorld({ workers: 2, logging: { level: 'error' } })
  const { url } = world
  const editor = await registered(url)
  /** On a connection of its own, which the supervisor has to find a worker for. */
  const statusOn = (token: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` }
      request(`${url}/mcp/crm`, { method: 'POST', agent: false, headers }, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0))).on('error', reject).end(JSON.stringify(hello))
    })
  const handedOver = async () => Number(/^sallyport_handed_over_total (\S+)/m.exec(await world.gateway.gateway.metrics.print())?.[1] ?? 0)
  const tokens: string[] = []
  const somebodyOn = (worker: number, n: number): string => [...Array(100).keys()].map((m) => `somebody-${n}-${m}`).find((name) => ownerOf(world.idp.issuer, name, 2) === worker) ?? ''
  for (let n = 0; n < 6; n += 1) {
    const sub = somebodyOn(n % 2, n)
    world.idp.shape.claims = { ...sam, sub, email: `${sub}@example.com` }
    const own = (await signInBy(url, editor)).access_token
    // The same person by a token of the provider itself is on the same worker.
    tokens.push(own, await world.idp.sign({ sub, aud: `${url}/mcp/crm` }), await tokenOf(world.exchange({ subject_token: own })), await tokenOf(world.exchange({ subject_token: own, actor_token: await world.workload({ sub: `repo:acme/${n}` }) })))
  }
  const before = await handedOver()
  for (const token of tokens) expect(await statusOn(token)).toBe(200)
  expect((await handedOver()) - before).toBe(0)
  await world.close()
})
