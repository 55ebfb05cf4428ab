import { rmSync } from 'node:fs'
import { unpackBundle } from '../../src/bundle/trust/bundle-file.ts'
import { until } from '../support/conditions.ts'
import { askApi, connect, startGateway, type TestGateway, type Who } from '../support/gateway.ts'
import { json, startStubServer, type StubServer } from '../support/stub-server.ts'

const policyFor = (word: string): string => `package policies.words

allow if {
	input.message.method == "tools/call"
	input.message.call.name == "${word}"
}
`
const operator: Who = { subject: 'olga', groups: ['ops'], email: 'olga@example.com' }
const auditor: Who = { subject: 'aude', groups: ['audit'] }
interface View {
  readonly active: { readonly digest: string } | null
  readonly last_run: { readonly error: string | null } | null
  readonly rolled_back: { readonly digest: string; readonly from: string; readonly by: { readonly email: string }; readonly reason: string } | null
  readonly source: { readonly state: string; readonly age_seconds: number }
}

let stub: StubServer
beforeAll(async () => {
  stub = await startStubServer((request, response) => {
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.id === undefined) return void response.writeHead(request.method === 'GET' ? 405 : 202).end()
    if (message.method === 'tools/list') return json(response, { jsonrpc: '2.0', id: message.id, result: { tools: ['one', 'two', 'three', 'four'].map((name) => ({ name, inputSchema: { type: 'object' } })) } })
    json(response, { jsonrpc: '2.0', id: message.id, result: message.method === 'initialize' ? { protocolVersion: message.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stub', version: '1' } } : { content: [{ type: 'text', text: 'done' }] } })
  })
})
afterAll(() => stub.close())

const api = (gateway: TestGateway, who: Who) => {
  const ask = async (path: string, body?: unknown): Promise<{ status: number; body: never }> => {
    const token = await gateway.token(who, 'api')
    const response = await askApi(gateway.url, token, `policy${path}`, body)
    return { status: response.status, body: (await response.json()) as never }
  }
  return {
    view: async (): Promise<View> => {
      const { status, body } = await ask('')
      if (status !== 200) throw new Error(JSON.stringify(body))
      return body
    },
    list: async <T>(what: 'bundles' | 'acts'): Promise<readonly T[]> => ((await ask(`/${what}`)).body as { items: T[] }).items,
    rollback: (body: unknown) => ask('/rollback', body),
  }
}
const mayCall = async (gateway: TestGateway): Promise<readonly string[]> => {
  const client = await connect(gateway.mcp('stub'), await gateway.token({ subject: `caller-${Math.random()}`, groups: ['support'] }, 'stub'), '2025-06-18')
  const answers = await Promise.all(['one', 'two', 'three', 'four'].map(async (name) => ({ name, answer: await client.request('tools/call', { name, arguments: {} }) })))
  return answers.filter(({ answer }) => answer.result !== undefined && answer.result['isError'] !== true).map(({ name }) => name)
}
const activeIs = async (gateway: TestGateway, test: (view: View) => boolean): Promise<View> =>
  until(async () => {
    const view = await api(gateway, operator).view()
    return test(view) && view
  })
const digestOf = (view: View): string => view.active?.digest ?? 'none'

const start = (workers: number, rego: Readonly<Record<string, string>>, directory?: string): Promise<TestGateway> =>
  startGateway({ upstreams: { stub: { url: stub.url } }, rego, settings: { workers, logging: { level: 'error' } }, ...(directory === undefined ? {} : { directory }) })

test('an operator goes back, which is recorded and lasts until the source gives something newer', async () => {
  let gateway = await start(1, { 'policies/words/words.rego': policyFor('one') })
  const { directory } = gateway
  try {
    let ops = api(gateway, operator)
    const one = digestOf(await ops.view())
    gateway.writePolicy('policies/words/words.rego', policyFor('two'))
    const two = digestOf(await activeIs(gateway, (view) => digestOf(view) !== one))
    expect(await mayCall(gateway)).toEqual(['two'])
    expect(await ops.list('bundles')).toMatchObject([{ digest: two, active: true }, { digest: one, active: false }])

    for (const [who, body, status] of [
      [auditor, { digest: one, reason: 'mine' }, 403],
      [operator, { digest: one }, 400],
      [operator, { digest: one, reason: '  ' }, 400],
      [operator, { digest: one, release: true, reason: 'both' }, 400],
      [operator, { digest: '../../etc/passwd', reason: 'odd' }, 400],
      [operator, { digest: `bnd_${'0'.repeat(32)}`, reason: 'unknown' }, 404],
      [operator, { digest: two, reason: 'it is there' }, 409],
      [operator, { release: true, reason: 'nothing to release' }, 409],
    ] as const) expect([body, (await api(gateway, who).rollback(body)).status]).toEqual([body, status])
    expect(await ops.list('acts')).toEqual([])
    expect(await mayCall(gateway)).toEqual(['two'])

    expect(await ops.rollback({ digest: one, reason: 'two lets too much through' })).toMatchObject({ status: 200, body: { active: { digest: one }, rolled_back: { digest: one, from: two, by: { email: 'olga@example.com' }, reason: 'two lets too much through' } } })
    expect(await mayCall(gateway)).toEqual(['one'])
    const served = await fetch(`${gateway.url}/api/v1/policy/bundle`, { headers: { authorization: `Bearer ${await gateway.token(auditor, 'api')}` } })
    expect([served.status, served.headers.get('etag')]).toEqual([200, `"${one}"`])
    expect(await unpackBundle(new Uint8Array(await served.arrayBuffer()))).toMatchObject({ ok: true, sources: { modules: { 'policies/words/words.rego': policyFor('one') } } })

    // What the source goes on saying changes nothing, a restart neither.
    const held = { active: { digest: one }, rolled_back: { digest: one, from: two }, last_run: { error: expect.stringContaining('rolled back from by olga@example.com: two lets too much through') }, source: { state: 'current' } }
    await gateway.gateway.pipeline.run()
    expect(await ops.view()).toMatchObject(held)
    await gateway.gateway.close()
    gateway = await start(1, {}, directory)
    ops = api(gateway, operator)
    expect(await ops.view()).toMatchObject(held)
    expect(await mayCall(gateway)).toEqual(['one'])

    gateway.writePolicy('policies/words/words.rego', policyFor('three'))
    const three = digestOf(await activeIs(gateway, (view) => digestOf(view) !== one))
    expect(await activeIs(gateway, (view) => view.rolled_back === null)).toMatchObject({ active: { digest: three }, last_run: { error: null } })
    expect(await mayCall(gateway)).toEqual(['three'])

    // Twice back, then whatever the source says.
    for (const digest of [two, one]) expect(await ops.rollback({ digest, reason: 'again' })).toMatchObject({ status: 200 })
    expect(await mayCall(gateway)).toEqual(['one'])
    expect(await ops.rollback({ release: true, reason: 'it was not the policy; jane@example.com asked' })).toMatchObject({ status: 200, body: { active: { digest: three }, rolled_back: null } })
    expect(await mayCall(gateway)).toEqual(['three'])
    const acts = (await ops.list<{ kind: string; from: { digest: string }; to: { digest: string } | null; by: object | null; reason: string }>('acts')).toReversed()
    expect(acts.map(({ kind, from, to }) => [kind, from.digest, to?.digest])).toEqual([
      ['rollback', two, one], ['resume', two, three], ['rollback', three, two], ['rollback', three, one], ['release', three, undefined], ['resume', three, three],
    ])
    expect(JSON.stringify(acts)).not.toContain('jane@')
    expect(acts.map(({ by }) => by)).toEqual([0, 1, 0, 0, 0, 1].map((none) => (none === 1 ? null : { issuer: 'https://people.example', subject: 'olga', email: 'olga@example.com' })))
  } finally {
    await gateway.gateway.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('several processes go back together, and each of their callers is judged alike', async () => {
  const gateway = await start(2, { 'policies/words/words.rego': policyFor('one') })
  try {
    const ops = api(gateway, operator)
    const one = digestOf(await ops.view())
    gateway.writePolicy('policies/words/words.rego', policyFor('two'))
    const two = digestOf(await activeIs(gateway, (view) => digestOf(view) !== one))
    expect(await ops.rollback({ digest: `bnd_${'0'.repeat(32)}`, reason: 'unknown' })).toMatchObject({ status: 404 })
    expect(await ops.rollback({ digest: one, reason: 'two lets too much through' })).toMatchObject({ status: 200, body: { rolled_back: { from: two, by: { email: 'olga@example.com' } } } })
    expect(await Promise.all([1, 2, 3, 4].map(() => mayCall(gateway)))).toEqual([['one'], ['one'], ['one'], ['one']])
    expect(await ops.list('acts')).toMatchObject([{ kind: 'rollback', by: { subject: 'olga' }, from: { digest: two }, to: { digest: one } }])
  } finally {
    await gateway.close()
  }
})
