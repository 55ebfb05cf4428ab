import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directoryOf, openPolicyRunner } from '../cli/policy/run.ts'
import { ownerOf } from '../../src/workers/owner.ts'
import { until as look } from '../support/conditions.ts'
import { allowAll, connect, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { mcpAnswers, startStubServer, type StubServer } from '../support/stub-server.ts'

// A second bundle that judges what is decided, on one process and on several: counted and listed, and without effect.

const stricter = (more = '') => `package policies.open

import data.sallyport

allow if input.actor.kind != "nobody"

allow_server := true

allow_other := true

deny contains {"code": "drops"} if {
	input.message.call.name == "query"
	sallyport.matches("DROP", sallyport.arg("sql"))
}
${more}`
const card = '4111 1111 1111 1111'
interface Seen {
  readonly shadow: { bundle: { digest: string } | null; same: number; different: number; dropped: number; failed: number; error: string | null; transitions: object[]; examples: { call: string; actor: string; in: string[] }[] } | null
}
const runner = openPolicyRunner()
let stub: StubServer
beforeAll(async () => {
  stub = await startStubServer(mcpAnswers({ 'tools/list': () => ({ tools: [{ name: 'query', inputSchema: { type: 'object' } }] }), 'tools/call': () => ({ content: [{ type: 'text', text: 'ran' }] }) }))
})
afterAll(async () => {
  await runner.close()
  await stub?.close()
})

const start = (shadow: string, settings: TestGatewayOptions['settings'] = {}): Promise<TestGateway> =>
  startGateway({ upstreams: { crm: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { ...settings, policy: { source: { kind: 'directory', path: 'rego' }, shadow: { source: { kind: 'directory', path: shadow } } } } })
const statusOf = async (gateway: TestGateway): Promise<Seen> =>
  (await fetch(`${gateway.url}/api/v1/policy`, { headers: { authorization: `Bearer ${await gateway.token({ subject: 'ada', groups: ['audit'] }, 'api')}` } })).json() as Promise<Seen>
/** Waits until the status is so. */
const until = async (gateway: TestGateway, holds: (seen: NonNullable<Seen['shadow']>) => boolean): Promise<NonNullable<Seen['shadow']>> => {
  return look(async () => {
    const { shadow } = await statusOf(gateway)
    return shadow !== null && holds(shadow) && shadow
  })
}

/** The status of several processes names the second bundle once one of them has it: somebody of each is seen before the others come. */
async function seenByEach(gateway: TestGateway, workers: number): Promise<void> {
  for (let worker = 0; workers > 1 && worker < workers; worker += 1) {
    let early = 0
    while (ownerOf('https://people.example', `early-${early}`, workers) !== worker) early += 1
    const client = await connect(gateway.mcp('crm'), await gateway.token({ subject: `early-${early}`, groups: [] }, 'crm'), '2025-11-25')
    await look(async () => {
      await client.request('tools/call', { name: 'query', arguments: { sql: 'DROP TABLE early' } })
      return (await statusOf(gateway)).shadow?.examples.some(({ actor }) => actor === `early-${early}`)
    })
  }
}

test.each([['one process', 1], ['several', 2]])('%s: what a second bundle would decide otherwise is counted and listed, and nothing is changed by it', async (_, workers) => {
  const second = directoryOf({ 'policies/open/open.rego': stricter() })
  const gateway = await start(second, { workers, logging: { level: 'error' } })
  try {
    await until(gateway, ({ bundle }) => bundle !== null)
    await seenByEach(gateway, workers)
    for (const subject of ['sam', 'riley', 'nina']) {
      const client = await connect(gateway.mcp('crm'), await gateway.token({ subject, groups: [] }, 'crm'), '2025-11-25')
      const answers = [await client.request('tools/call', { name: 'query', arguments: { sql: `DROP ${card}` } }), await client.request('tools/call', { name: 'query', arguments: { sql: 'SELECT 1' } })]
      expect(answers.map(({ result }) => result)).toEqual([{ content: [{ type: 'text', text: 'ran' }] }, { content: [{ type: 'text', text: 'ran' }] }])
    }
    const isLate = ({ actor }: { actor: string }) => !actor.startsWith('early')
    const seen = await until(gateway, ({ same, examples }) => examples.filter(isLate).length >= 3 && same >= 9)
    expect(seen).toMatchObject({ different: workers === 1 ? 3 : expect.any(Number) as number, dropped: 0, failed: 0, error: null, transitions: [{ before: 'allow', after: 'deny', decisions: seen.different }] })
    expect(seen.examples.filter(isLate).map(({ actor, call }) => `${actor} ${call}`).sort()).toEqual(['nina query', 'riley query', 'sam query'])
    expect(seen.examples[0]).toMatchObject({ upstream: 'crm', in: expect.arrayContaining(['kind', 'reasons']) as string[], before: { kind: 'allow', rules: ['open/allow'] }, after: { kind: 'deny', rules: ['open/deny/drops'] } })
    expect(JSON.stringify(seen)).not.toContain(card)
    // What several processes recorded is one record.
    const again = JSON.parse((await runner.run(['replay', '--since', '1h', '--config', gateway.config, '--json'], { PATH: process.env['PATH']! })).stdout) as object
    expect(again).toMatchObject({ changed: 0, share: 1, no_bundle: 0 })
    const metrics = await gateway.gateway.metrics.print()
    expect(metrics).toMatch(new RegExp(`^sallyport_shadow_decisions_total\\{[^}]*result="different"[^}]*\\} ${seen.different}$`, 'm'))
    expect(metrics).toMatch(/^sallyport_decisions_total\{kind="deny"[^}]*\} 0$|^(?![^]*kind="deny")/m)
  } finally {
    await gateway.close()
  }
})

test('a second bundle that cannot be built is told, and the next one is taken', async () => {
  const second = directoryOf({ 'policies/open/open.rego': 'package policies.open\n\nallow if nothing\n' })
  const gateway = await start(second)
  try {
    expect((await until(gateway, ({ error }) => error !== null)).error).toContain('policies/open/open.rego:3')
    writeFileSync(join(second, 'policies/open/open.rego'), stricter())
    expect(await until(gateway, ({ bundle }) => bundle !== null)).toMatchObject({ error: null, same: 0, different: 0 })
  } finally {
    await gateway.close()
  }
})
