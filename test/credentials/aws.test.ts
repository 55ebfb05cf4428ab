import { createHash, createHmac } from 'node:crypto'
import { allowAll, connect, startGateway, type TestGateway } from '../support/gateway.ts'
import { json, mcpAnswers, startStubServer, type Received, type StubServer } from '../support/stub-server.ts'

// AWS Signature Version 4, recomputed by the server from what arrived (docs.aws.amazon.com, "Create a signed AWS API request").

const id = 'AKIDEXAMPLE'
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const session = 'canary-session-token-of-the-gateway'
const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** Why the signature is not right, or undefined where it is. */
function wrongIn({ method, headers, body }: Received, path: string, query = ''): string | undefined {
  const [, keyId, day, region, service, names = '', signature] = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '') ?? []
  if (keyId !== id || region !== 'eu-central-1' || service !== 'execute-api') return `credential ${headers.authorization}`
  const signed = names.split(';')
  for (const needed of ['host', 'x-amz-date', 'x-amz-security-token', 'content-type']) if (method === 'POST' && !signed.includes(needed)) return `${needed} is not signed`
  const canonical = [method, path, query, ...signed.map((name) => `${name}:${String(headers[name]).trim()}`), '', names, hash(body)].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day ?? ''), region), service), 'aws4_request')
  const wanted = hmac(key, ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n')).toString('hex')
  return wanted === signature ? undefined : 'another signature'
}

let stub: StubServer
let gateway: TestGateway
beforeAll(async () => {
  const base = mcpAnswers({ 'tools/list': () => ({ resultType: 'complete', tools: [{ name: 't', inputSchema: { type: 'object' } }] }) })
  stub = await startStubServer((request, response) => {
    const wrong = wrongIn(request, '/mcp/a%2520b', 'stage=dev')
    if (wrong !== undefined) return json(response, { message: wrong }, 403)
    const message = request.body === '' ? {} : JSON.parse(request.body)
    if (message.method !== 'tools/call') return base(request, response)
    json(response, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', content: [{ type: 'text', text: `signed ${String(request.headers['x-amz-security-token'])}` }] } })
  })
  gateway = await startGateway({
    upstreams: { aws: { url: `${stub.url}/a%20b?stage=dev`, credentials: { kind: 'aws_sigv4', service: 'execute-api', region: 'eu-central-1', access_key_id: id, secret_access_key_from: { env: 'AWS_KEY' }, session_token_from: { env: 'AWS_SESSION' } } } },
    rego: { 'policies/open/open.rego': allowAll },
    env: { AWS_KEY: secret, AWS_SESSION: session },
  })
})
afterAll(async () => {
  await gateway?.close()
  await stub?.close()
})

test.each(['2025-11-25', '2026-07-28'])('%s: every request is signed as it was sent, body, path and query; the session is not echoed', async (revision) => {
  const client = await connect(gateway.mcp('aws'), await gateway.token({ subject: 'sam', groups: [] }, 'aws'), revision)
  const { result } = await client.request('tools/call', { name: 't', arguments: { text: 'ä ü — 漢字 "\\', number: 1 } })
  expect(result).toMatchObject({ content: [{ text: 'signed [CREDENTIAL]' }] })
  expect(stub.received.length).toBeGreaterThan(0)
  expect(stub.received.map((request) => wrongIn(request, '/mcp/a%2520b', 'stage=dev')).filter((wrong) => wrong !== undefined)).toEqual([])
})
