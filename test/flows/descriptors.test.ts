import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { until } from '../support/conditions.ts'
import { writeGatewayFiles, roles, rolesFile, type GatewayFiles } from '../support/gateway-files.ts'
import { allowAll, greetingOf } from '../support/gateway.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { createRepository, type GitRepository } from '../support/git-repository.ts'

// Sockets of anybody take the descriptors with which a gateway starts its children; then it can start none, and serves on.

let repository: GitRepository
let files: GatewayFiles
let gateway: GatewayProcess
let token: string
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
beforeAll(async () => {
  repository = createRepository()
  repository.push({ 'policies/open/open.rego': allowAll, [rolesFile]: roles })
  files = await writeGatewayFiles({
    upstreams: { child: { command: process.execPath, args: ['--no-warnings', join(import.meta.dirname, '../support/stdio-server.ts')] } }, rego: {},
    settings: { policy: { source: { kind: 'git', url: repository.url, branch: 'main', poll: '1s' } }, limits: { children_per_person: 1 } },
  })
  gateway = await startGatewayProcess(files)
  token = await files.token({ subject: 'sam', groups: ['ops'] }, 'child')
})
afterAll(async () => {
  agent.destroy()
  await gateway?.kill('SIGKILL')
  repository?.remove()
  rmSync(files.directory, { recursive: true, force: true })
})

/** On the one connection that is there. */
const ask = async (path: string, bearer: string, body?: object, more: object = {}) => {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...more }
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request(`${files.url}${path}`, { agent, method: body === undefined ? 'GET' : 'POST', headers }, resolve)
    request.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
  })
  return { status: answer.statusCode, session: answer.headers['mcp-session-id'], body: await text(answer) }
}
const greet = () => ask('/mcp/child', token, greetingOf('any'))
const limit = (most: string) => execFileSync('prlimit', ['--pid', String(gateway.pid), `--nofile=${most}:`])

const onLinux = process.platform === 'linux' ? test : test.skip
onLinux('a gateway without a descriptor left starts no child and no git, lives on, and starts them when there are some again', async () => {
  const ops = await files.token({ subject: 'ola', groups: ['ops'] }, 'api')
  const failed = async () => /"error":"[^"]/.test((await ask('/api/v1/policy', ops)).body)
  expect(await failed()).toBe(false)
  limit('4')
  expect(await greet()).toMatchObject({ status: 503, body: expect.stringContaining('-33002') })
  await until(failed)
  expect((await greet()).status).toBe(503)
  limit('4096')
  expect((await until(async () => {
    const greeted = await greet()
    return greeted.status === 200 && greeted
  })).body).toContain('protocolVersion')
  await until(async () => !(await failed()))
})

onLinux('of a session whose child ended, tries to start another without a descriptor are not counted as starts', async () => {
  const { session } = await until(async () => {
    const greeted = await greet()
    return greeted.status === 200 && greeted
  })
  const call = (name: string) => ask('/mcp/child', token, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }, { 'mcp-session-id': session })
  expect((await call('crash')).body).toContain('-33003')
  limit('4')
  for (let tries = 1; tries <= 5; tries += 1) expect(await call('echo')).toMatchObject({ status: 503, body: expect.stringContaining('-33002') })
  limit('4096')
  expect((await call('echo')).body).toContain('done')
})
