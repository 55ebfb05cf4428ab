import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { startChanges, type Changes } from '../support/changes.ts'
import { connect } from '../support/gateway.ts'
import { messagesIn, readEvents } from '../support/events.ts'

// How long a held call waits, and what its client is told, client by client.

let changes: Changes
beforeAll(async () => {
  changes = await startChanges({ approvals: { hold: '500ms', hold_with_progress: '5m' } })
})
afterAll(() => changes?.close())

const address = () => new URL(changes.url)
const bearer = async (subject: string) => ({ requestInit: { headers: { authorization: `Bearer ${await changes.token(subject)}` } } })

test('SDK v2, 2026-07-28: the client comes back by itself, round by round, and has its answer in the end', async () => {
  const client = new ClientV2({ name: 'v2', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new HttpV2(address(), await bearer('v2')))
  const asked = client.callTool({ name: 'change', arguments: { to: 1 } })
  const before = changes.stub.received.length
  const id = await changes.held(1)
  // Two rounds of half a second at least: the client is still there, and the approval is the same.
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect(await changes.held(1)).toBe(id)
  expect(changes.stub.received.slice(before).filter(({ body }) => body.includes('tools/call'))).toEqual([])
  await changes.answer(1)
  expect((await asked).content).toEqual([{ type: 'text', text: 'changed {"to":1}' }])
  expect(changes.calls(1)).toBe(1)
  await client.close()
})

test('SDK v1 with progress: it is kept waiting by progress, and has its answer', async () => {
  const client = new ClientV1({ name: 'v1', version: '1.0.0' })
  // See test/support/clients.ts for the cast.
  await client.connect(new HttpV1(address(), await bearer('v1')) as HttpV1 & Transport)
  const told: unknown[] = []
  const asked = client.callTool({ name: 'change', arguments: { to: 2 } }, undefined, { onprogress: ({ message }) => told.push(message), resetTimeoutOnProgress: true })
  const id = await changes.held(2)
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(told).toEqual([`waiting for approval ${id}`])
  await changes.answer(2)
  expect((await asked).content).toEqual([{ type: 'text', text: 'changed {"to":2}' }])
  await client.close()
})

test('SDK v1 without progress: it is told to call again, and what became of the wait it learns by that call', async () => {
  const client = new ClientV1({ name: 'v1', version: '1.0.0' })
  await client.connect(new HttpV1(address(), await bearer('v1')) as HttpV1 & Transport)
  const call = (to: number) => client.callTool({ name: 'change', arguments: { to } })
  expect(await call(3)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('Call the same tool again with the same arguments to continue') }] })
  await changes.answer(3)
  expect(await call(3)).toMatchObject({ content: [{ text: 'changed {"to":3}' }] })

  await call(4)
  await changes.answer(4, 'deny')
  expect(await call(4)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('the reviewers refused the call: as agreed') }] })
  // Told once: who asks again asks the reviewers again.
  expect(await call(4)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('Approval is needed') }] })
  await changes.answer(4, 'deny')
  expect([changes.calls(3), changes.calls(4)]).toEqual([1, 0])
  await client.close()
})

test('2025-11-25: who loses the connection while the call is held comes back for its answer', async () => {
  const secret = await changes.token('lea')
  const { session } = await connect(changes.url, secret, '2025-11-25')
  const headers = { authorization: `Bearer ${secret}`, 'mcp-session-id': session ?? '', 'mcp-protocol-version': '2025-11-25' }
  const abort = new AbortController()
  const response = await fetch(changes.url, {
    method: 'POST', signal: abort.signal, headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'change', arguments: { to: 5 }, _meta: { progressToken: 'p' } } }),
  })
  const last = (await readEvents(response).next()).value?.id ?? ''
  expect(last).not.toBe('')
  abort.abort()
  await changes.answer(5)
  const resumed = await messagesIn(await fetch(changes.url, { headers: { ...headers, accept: 'text/event-stream', 'last-event-id': last } }))
  expect(resumed.at(-1)).toMatchObject({ id: 7, result: { content: [{ text: 'changed {"to":5}' }] } })
  expect(resumed.slice(0, -1).every(({ method }) => method === 'notifications/progress')).toBe(true)
  expect(changes.calls(5)).toBe(1)
})

/** Loses the connection of the first call's stream after its first piece. */
const losing = (): typeof fetch => {
  let lost = false
  return async (url, init) => {
    const response = await fetch(url, init)
    if (lost || !String(init?.body).includes('tools/call') || response.body === null) return response
    lost = true
    const reader = response.body.getReader()
    let pieces = 0
    const body = new ReadableStream<Uint8Array>({
      async pull(to) {
        pieces += 1
        if (pieces > 1) {
          await reader.cancel()
          return to.error(new Error('connection lost'))
        }
        const { value } = await reader.read()
        if (value !== undefined) to.enqueue(value)
      },
    })
    return new Response(body, { status: response.status, headers: response.headers })
  }
}

test.each([
  ['SDK v1', 7, async () => {
    const client = new ClientV1({ name: 'v1', version: '1.0.0' })
    await client.connect(new HttpV1(address(), { ...(await bearer('v1')), fetch: losing() }) as HttpV1 & Transport)
    return client
  }],
  ['SDK v2, legacy', 8, async () => {
    const client = new ClientV2({ name: 'v2', version: '1.0.0' })
    await client.connect(new HttpV2(address(), { ...(await bearer('v2')), fetch: losing() }))
    return client
  }],
] as const)('%s: a client whose connection breaks while its call is held comes back by itself for the answer', async (_name, to, open) => {
  const client = await open()
  const asked = client.callTool({ name: 'change', arguments: { to }, _meta: { progressToken: 'p' } })
  await changes.answer(to)
  expect(await asked).toMatchObject({ content: [{ text: `changed {"to":${to}}` }] })
  expect(changes.calls(to)).toBe(1)
  await client.close()
})
