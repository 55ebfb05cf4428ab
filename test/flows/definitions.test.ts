import { connect, startGateway, type PlainClient, type TestGateway } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Servers that say something else of a tool than they said before: what counts is what they said last.

const policy = `package policies.test

allow if {
	input.actor.kind != "nobody"
	input.message.method != "tools/call"
}

allow if input.message.call.annotations.idempotentHint == true

allow if input.message.direction == "to_client"

deny contains {"code": "destructive"} if input.message.call.annotations.destructiveHint == true

mask contains {"path": "/content/0/text", "with": "[HIDDEN]"} if {
	input.message.direction == "to_client"
	input.request.call.annotations.openWorldHint == true
}
`
const tool = (name: string, annotations: object = {}, description = name) => ({ name, description, annotations: { idempotentHint: true, ...annotations }, inputSchema: { type: 'object' } })
let tools: readonly object[]
let stub: StubServer
let gateway: TestGateway
let release: () => void = () => undefined
let isRunning: Promise<void>
let ran: string[]

beforeAll(async () => {
  let running: () => void = () => undefined
  isRunning = new Promise((resolve) => (running = resolve))
  stub = await startStubServer(mcpAnswers({
    'tools/list': () => ({ tools }),
    async 'tools/call'({ name }) {
      ran.push(String(name))
      running()
      if (name === 'slow') await new Promise<void>((resolve) => (release = resolve))
      return { content: [{ type: 'text', text: `${String(name)} ran` }] }
    },
  }))
  gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/test/test.rego': policy }, settings: { limits: { calls_per_person: 1 } } })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})
beforeEach(() => {
  ran = []
})

const open = async (subject: string): Promise<PlainClient> => connect(gateway.mcp('stub'), await gateway.token({ subject, groups: [] }, 'stub'), '2025-11-25')
const list = async (client: PlainClient, of: readonly object[]) => {
  tools = of
  return ((await client.request('tools/list')).result as { tools: { name: string; description: string }[] }).tools
}
const call = (client: PlainClient, name: string) => client.request('tools/call', { name, arguments: {} })

test('of two tools with one name in one list, clients are shown the one by which calls are judged', async () => {
  const sam = await open('sam')
  const twice = [tool('t', {}, 'poisoned'), tool('other'), tool('t', {}, 'good')]
  expect((await list(sam, twice)).map(({ description }) => description)).toEqual(['other', 'good'])
  // Where that one is refused, none is shown.
  expect((await list(sam, [tool('t'), tool('t', { idempotentHint: false })])).map(({ name }) => name)).toEqual([])
})

test('a call that waited its turn is judged, and its answer too, by what the server said last', async () => {
  const [sam, eve] = [await open('sam'), await open('eve')]
  await list(sam, [tool('slow'), tool('turns'), tool('opens')])
  const slow = call(sam, 'slow')
  await isRunning
  const [turned, opened] = [call(sam, 'turns'), call(sam, 'opens')]
  // They are read before anything that is asked after them is answered.
  expect((await eve.request('ping')).status).toBe(200)
  await list(eve, [tool('slow'), tool('turns', { destructiveHint: true }), tool('opens', { openWorldHint: true })])
  release()
  await slow
  expect((await turned).result).toMatchObject({ isError: true, _meta: { 'sallyport/decision': { reasons: [{ code: 'destructive' }] } } })
  expect((await opened).result).toMatchObject({ content: [{ text: '[HIDDEN]' }] })
  expect(ran).toEqual(['slow', 'opens'])
})
