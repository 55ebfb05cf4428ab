import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDetectors } from '../../src/detect/index.ts'
import { redactText } from '../../src/enforce/redact.ts'
import { createLogger } from '../../src/logging.ts'
import { connect, modernMeta, post, startGateway, type TestGateway } from '../support/gateway.ts'
import { events, json, mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// Traffic of every kind carries canaries; afterwards no file of the gateway, and no answer, has one.

const card = '4111 1111 1111 1111'
const ssn = '536-90-4399'
const key = 'AKIAIOSFODNN7EXAMPLE'
const hidden = 'canary-under-a-path'
const credential = 'canary-credential-of-the-gateway'
const canaries = [card, card.replaceAll(' ', ''), ssn, key, hidden, credential]
const all = `${card}, ${ssn} and ${key}`

const policy = `package policies.test

import data.sallyport

allow if {
	input.actor.kind != "nobody"
	not input.message.call.name == "unknown"
}

allow_server if input.message.method == "elicitation/create"

mask contains {"detector": detector} if some detector in {"card_number", "us_ssn", "api_key"}

mask contains {"path": "/arguments/hidden"}

mask contains {"path": "/structuredContent/hidden"}

mask contains {"path": "/hidden"}

mask contains {"path": "/data/hidden"}

deny contains {"code": "quoted", "message": sallyport.arg("note")} if input.message.call.name == "denied"

deny contains {"code": "withheld"} if input.message.body.withhold == true

require_approval contains {"code": "asked", "message": sallyport.arg("note"), "reviewers": ["oncall"]} if input.message.call.name == "held"
`
const logs = mkdtempSync(join(tmpdir(), 'sallyport-logs-'))
let stub: StubServer
let gateway: TestGateway
let token: string

beforeAll(async () => {
  const detectors = createDetectors({})
  const names = ['echo', 'denied', 'held', 'fails', 'withheld', 'stream', 'broken', 'stray', 'page']
  const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const base = mcpAnswers({
    'tools/list': () => ({ ...complete, tools: names.map((name) => ({ name, description: `see ${all}`, inputSchema: { type: 'object' } })) }),
    'resources/read': (params) => ({ ...complete, contents: [{ uri: params['uri'], text: all, _meta: { note: all } }] }),
    'prompts/get': () => ({ ...complete, messages: [{ role: 'user', content: { type: 'text', text: all } }] }),
    'completion/complete': () => ({ ...complete, completion: { values: [all] } }),
  })
  stub = await startStubServer((request, response) => {
    if (request.method === 'GET') return events(response, [`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: { text: all, hidden } } })}\n\n`])
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method !== 'tools/call') return base(request, response)
    const { id, params } = message
    const result = { ...complete, content: [{ type: 'text', text: `${all} ${credential}` }, { type: 'text', text: JSON.stringify({ hidden, deep: [all] }) }], structuredContent: { hidden, deep: [all] }, hidden, _meta: { note: all, 'x/credential': `Bearer ${credential}` } }
    switch (params.name) {
      case 'fails':
        return json(response, { jsonrpc: '2.0', id, error: { code: -32000, message: `failed on ${all}`, data: { text: `${all} ${credential}`, hidden } } }, 500)
      case 'withheld':
        return json(response, { jsonrpc: '2.0', id, result: { ...result, withhold: true } })
      case 'broken':
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":"${id}","result":{"content":"${all} ${hidden} ${credential}"`)
      case 'page':
        return void response.writeHead(500, { 'content-type': 'text/html' }).end(`<p>${all} ${hidden} ${credential}</p>`)
      case 'stray':
        return json(response, { jsonrpc: '2.0', id: `nobody ${all}`, result })
      case 'stream': {
        const token = params._meta?.progressToken
        const frames = [
          { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: token, progress: 1, message: all } },
          { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'error', data: { text: all, hidden } } },
          { jsonrpc: '2.0', method: 'notifications/unknown', params: { text: all, hidden } },
          { jsonrpc: '2.0', id: `q ${card}`, method: 'elicitation/create', params: { message: all, requestedSchema: {} } },
          { jsonrpc: '2.0', id: 'q2', method: 'roots/list', params: { hidden, text: all } },
          { jsonrpc: '2.0', id, result },
        ]
        events(response, frames.map((frame) => `id: ${card}\ndata: ${JSON.stringify(frame)}\n\n`))
        return void response.end()
      }
      default:
        return json(response, { jsonrpc: '2.0', id, result })
    }
  })
  gateway = await startGateway({
    upstreams: { stub: { url: stub.url, credentials: { kind: 'bearer', token_from: { env: 'STUB_TOKEN' } } } },
    rego: { 'policies/test/test.rego': policy },
    env: { STUB_TOKEN: credential },
    logger: createLogger({ level: 'debug', file: join(logs, 'gateway.log') }, (text) => redactText(text, detectors)),
    settings: { approvals: { hold: '1s', hold_with_progress: '1s' } },
  })
  token = await gateway.token({ subject: 'sam', groups: [] }, 'stub')
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
  rmSync(logs, { recursive: true, force: true })
})

const files = (directory: string): string[] => readdirSync(directory).flatMap((name) => (statSync(join(directory, name)).isDirectory() ? files(join(directory, name)) : [join(directory, name)]))
const found = () => [...files(gateway.directory), ...files(logs)].filter((file) => !/rego/.test(file)).flatMap((file) => {
  const bytes = readFileSync(file)
  return canaries.filter((canary) => bytes.includes(canary)).map((canary) => `${canary} in ${file.slice(file.lastIndexOf('/') + 1)}`)
})

test.each(['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'])('%s: no canary reaches a file, a client, a reviewer or the metrics', async (revision) => {
  const client = await connect(gateway.mcp('stub'), token, revision, { elicitation: {}, roots: {} })
  const answers: unknown[] = []
  const ask = async (method: string, params: object) => answers.push(await client.request(method, params))
  const args = { note: all, hidden, deep: [card] }
  await ask('tools/list', {})
  for (const name of ['echo', 'denied', 'held', 'fails', 'withheld', 'broken', 'page', 'stray', 'stream', 'unknown', `no such ${card}`]) {
    const { status, ...answer } = await client.request('tools/call', { name, arguments: { ...args, tag: `${revision} ${name}` }, _meta: { progressToken: 't' } })
    if (!name.startsWith('no such')) answers.push(status, answer)
  }
  await ask('tools/call', { name: 'echo', arguments: { [`name ${ssn}`]: 1 } })
  await ask('tools/call', { name: 'echo', arguments: {}, _meta: { progressToken: `t ${ssn}` } })
  await ask('resources/read', { uri: 'mem://x' })
  await ask('resources/read', { uri: `mem://${card.replaceAll(' ', '')}` }).then(() => answers.pop())
  await ask('prompts/get', { name: 'p', arguments: { note: all } })
  await ask('completion/complete', { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: all } })
  await ask(`x/${card}`, { text: all, hidden })
  await ask('tools/call', { name: 7, text: all, hidden })
  const modern = revision === '2026-07-28'
  const meta = modern ? { _meta: modernMeta } : {}
  const raw = modern ? { 'mcp-protocol-version': revision } : {}
  const loose: object[] = [
    { jsonrpc: '2.0', method: 'notifications/x', params: { text: all, hidden, ...meta } },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: `r ${card}`, reason: all, hidden, ...meta } },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: card, message: all, progress: 1, ...meta } },
    { jsonrpc: '2.0', id: `unasked ${ssn}`, result: { text: all, hidden } },
    { jsonrpc: '2.0', id: 1, method: 'ping', oops: all },
  ]
  for (const body of loose) answers.push(await (await client.send(body, raw)).text())
  if (!modern) {
    const get = await fetch(gateway.mcp('stub'), { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'mcp-session-id': client.session ?? '', 'mcp-protocol-version': revision } })
    const reader = get.body?.getReader()
    answers.push(Buffer.from((await reader?.read())?.value ?? []).toString())
    await reader?.cancel()
  }
  answers.push(await (await post(gateway.mcp('stub'), `${token}${key}`, { jsonrpc: '2.0', id: 1, method: 'ping' })).text())
  const reviewer = { authorization: `Bearer ${await gateway.token({ subject: 'rita', groups: ['oncall', 'audit'] }, 'api')}` }
  for (const path of ['approvals?state=pending', 'sessions']) {
    const text = await (await fetch(`${gateway.url}/api/v1/${path}`, { headers: reviewer })).text()
    answers.push(text)
    for (const [id] of text.matchAll(/ses_[0-9a-f-]+/g)) answers.push(await (await fetch(`${gateway.url}/api/v1/sessions/${id}/events`, { headers: reviewer })).text())
  }
  answers.push(await gateway.gateway.metrics.print())
  const told = answers.map((answer) => JSON.stringify(answer))
  expect(told.flatMap((answer) => canaries.filter((canary) => answer.includes(canary)).map((canary) => `${canary} in ${answer.slice(0, 300)}`))).toEqual([])
  expect(told.join('\n')).toContain('[MASKED]')
  expect(readFileSync(join(logs, 'gateway.log'), 'utf8')).toContain('a server broke the protocol')
  expect(found()).toEqual([])
})
