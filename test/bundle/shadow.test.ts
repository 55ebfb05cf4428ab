import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runShadow } from '../../src/bundle/compare/shadow-source.ts'
import { createShadow, joinReports, type ShadowReport } from '../../src/bundle/compare/shadow.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { createGitSource } from '../../src/bundle/source/git/source.ts'
import type { Decision, Question } from '../../src/model.ts'
import { decision } from '../contract/rows.ts'
import { bundleOf, openCompiler } from '../policy/support.ts'
import { startGitHttp } from '../support/git-hosts.ts'
import { addressesOf } from '../support/outbound.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())
const saying = async (body: string) => bundleOf(await compiler.compile(body))
const allowing = `decision := {"kind": "allow", "reasons": [{"code": "because", "rule": "crm/x/because"}], "risk": 0, "listed": []}`
const question = (call: string): Question => ({
  actor: { kind: 'person', subject: 'sam', issuer: 'i', provider: 'p', groups: [], groups_known: true, claims: {} }, upstream: { name: 'crm', labels: {} },
  session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: { direction: 'to_server', kind: 'request', method: 'resources/read', revision: '2025-11-25', call: { kind: 'resource', name: call, arguments: {}, annotations: {}, template: false }, body: { uri: call } },
  entries: [], findings: [], now: '2026-01-01T00:00:00.000Z',
})
const allowed: Decision = decision('allow')
const counted: Record<string, number> = {}
const open = () => createShadow({ detectors: [], clean: (text) => text.replaceAll('4111', '[card]'), clock: () => 0, count: (result) => (counted[result] = (counted[result] ?? 0) + 1) })
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((tick) => setImmediate(tick))
}
const sum = ({ same, different, dropped, failed }: ShadowReport): number => same + different + dropped + failed

test('more than it keeps up with is dropped and counted, and whoever shows it a decision never waits or fails', async () => {
  const shadow = open()
  shadow.see(question('a'), allowed) // nothing to ask yet
  expect(shadow.report()).toMatchObject({ bundle: null, same: 0, dropped: 0 })
  await shadow.activate(await saying(allowing))
  for (let time = 0; time < 500; time += 1) shadow.see(question('a'), allowed)
  expect(shadow.report().dropped).toBe(436)
  await until(() => sum(shadow.report()) === 500)
  expect(shadow.report()).toMatchObject({ same: 64, different: 0, dropped: 436, failed: 0, examples: [] })
  shadow.see({ ...question('b'), message: { ...question('b').message, body: { text: 'x'.repeat(300_000) } } }, allowed)
  await until(() => sum(shadow.report()) === 501)
  expect(shadow.report().dropped).toBe(437)
  shadow.see(question('a'), { ...allowed, kind: 'deny', reasons: [{ code: 'policy_stale', rule: 'sallyport/policy_stale' }] }) // no policy said so
  await shadow.close()
  shadow.see(question('a'), allowed)
  expect(counted).toEqual({ same: 64, dropped: 437 })
})

test('an odd second bundle fails by itself, and another one begins anew', async () => {
  const shadow = open()
  await shadow.activate(await saying('decision := {"kind": "perhaps"}'))
  shadow.see(question('a'), allowed)
  await until(() => shadow.report().failed === 1)
  await shadow.activate(await saying(`decision := {"kind": "deny", "reasons": [{"code": "no", "rule": "crm/deny/no"}], "risk": 0, "listed": []} if input.message.call.name != "a"\n${allowing} if input.message.call.name == "a"`))
  expect(shadow.report()).toMatchObject({ failed: 0, bundle: { digest: expect.stringMatching(/^bnd_/) as string } })
  for (const name of ['a', 'x 4111', 'y']) shadow.see(question(name), allowed)
  await until(() => sum(shadow.report()) === 3)
  const report = shadow.report()
  expect(report).toMatchObject({ same: 1, different: 2, transitions: [{ before: 'allow', after: 'deny', decisions: 2 }] })
  expect(report.examples.map(({ call }) => call).sort()).toEqual(['x [card]', 'y'])
  const both = joinReports([report, report, { ...report, bundle: null }])
  expect(both).toMatchObject({ same: 2, different: 4, transitions: [{ decisions: 4 }], examples: { length: 4 } })
  await shadow.close()
})

test('a Git host that says nothing of the second bundle keeps nobody from ending', async () => {
  const copies = mkdtempSync(join(tmpdir(), 'sallyport-copy-'))
  const asked = Promise.withResolvers<void>()
  const host = await startGitHttp(copies, { play: () => (asked.resolve(), true) })
  const opa = createOpa()
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  try {
    const running = runShadow({
      source: createGitSource({ url: host.url, transport: 'http', addressesOf, wanted: { ref: 'refs/heads/main' }, directory: copies, poll: 3_600_000 }),
      build: { opa, capabilities: {}, detectors: [] }, activate: () => Promise.reject(new Error('there is nothing')), logger,
    })
    await asked.promise
    const began = performance.now()
    await running.close()
    expect(performance.now() - began).toBeLessThan(14_000) // the host is given 15 s
  } finally {
    await opa.close()
    await host.close()
    rmSync(copies, { recursive: true, force: true })
  }
})
