import { Command } from 'commander'
import { registerApprovals } from '../../src/cli/approvals.ts'
import { createOutput } from '../../src/cli/output.ts'
import { printFindings } from '../../src/findings.ts'
import { registerSessions } from '../../src/cli/sessions.ts'
import { event, answerEvent, decision, sessionRow } from '../contract/rows.ts'
import { openWorld, people, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  const { records } = world.store
  await records.putSession(sessionRow('1', { actor: people['sam']!, client: { name: 'evil\u001b[2J', version: '1' } }))
  await records.append(event('1', '1', { at: 1_700_000_000_000, message: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'query', arguments: { sql: 'SELECT \u001b[31m1' } } }) }))
  await records.append(answerEvent('1', '1', { at: 1_700_000_000_500, decision: decision('mask'), message: JSON.stringify({ jsonrpc: '2.0', id: 1, result: { rows: Array.from({ length: 40 }, (_, index) => index), ssn: '[SSN]' } }) }))
  await records.append(event('1', '2', { at: 1_700_000_002_000, call: 'drop', decision: decision('deny'), outcome: 'denied', closes: true }))
  for (let more = 2; more < 205; more++) await records.putSession(sessionRow(String(more)))
})
afterAll(() => world.close())

async function sallyport(as: string, ...args: string[]) {
  const [out, notes]: [string[], string[]] = [[], []]
  let code = 0
  const output = createOutput({ stdout: { write: (text: string) => out.push(text) }, stderr: { write: (text: string) => notes.push(text) } })
  const program = new Command().exitOverride()
  for (const register of [registerSessions, registerApprovals]) register(program, { output, env: { SALLYPORT_URL: world.url, SALLYPORT_TOKEN: as }, exit: (given) => void (code = given) })
  await program.parseAsync(args, { from: 'user' })
  return { code, out: out.join(''), notes: notes.join('') }
}

test('sessions are listed as a table, filtered, and page after page', async () => {
  const { code, out } = await sallyport('ada', 'sessions', 'list', '--actor', 'sam')
  expect([code, out.split('\n').slice(0, 2).map((line) => line.split(/ +/).slice(0, 4))]).toEqual([0, [['ID', 'STARTED', '(UTC)', 'WHO'], ['ses_1', '1970-01-01', '00:00:01', 'sam@example.com']]])
  const all = await sallyport('ada', 'sessions', 'list', '--limit', '500', '--json')
  expect(JSON.parse(all.out).items).toHaveLength(204)
  const some = await sallyport('ada', 'sessions', 'list', '--limit', '3')
  expect([some.out.trim().split('\n').length, some.notes]).toEqual([4, 'there are more; --limit shows them\n'])
})

test('a session is shown line by line and replayed with what was decided and kept', async () => {
  const shown = await sallyport('ada', 'sessions', 'show', 'ses_1')
  expect(shown.out).toMatch(/2 .*← +result of tools\/call query +mask +answered +nothing found/)
  const { out } = await sallyport('ada', 'sessions', 'replay', 'ses_1')
  expect(out).toContain('sam@example.com → crm  tools/call query')
  expect(out).toContain('#2    2023-11-14 22:13:20.500 +0.50s  crm → sam@example.com')
  expect(out).toContain('found nothing to hide')
  expect(out).toMatch(/more lines \(--full shows them\)/)
  expect((await sallyport('ada', 'sessions', 'replay', 'ses_1', '--full')).out).toContain('"[SSN]"')
})

test('an auditor is told what was hidden from whom, and what only the record hides', async () => {
  const { records } = world.store
  const at = 1_700_000_000_000
  const findings = [
    { detector: 'us_ssn', path: '/content/0/text', count: 2, confidence: 'high' },
    { detector: 'email', path: '/structuredContent/email', count: 1, confidence: 'high' },
  ] as const
  const masks = ['us_ssn', 'jwt'].map((detector) => ({ detector, with: '[X]', must: false, rule: `privacy/mask/${detector}` }))
  const fields = ['/structuredContent/**/ssn', '/structuredContent/iban'].map((path) => ({ path, with: '[X]', must: false, rule: `privacy/mask${path.replace(/.*[/]/, '/')}` }))
  const mask = [...masks, ...fields]
  const reasons = mask.map(({ rule }) => ({ rule, code: rule.replace(/.*[/]/, '') }))
  await records.putSession(sessionRow('hidden', { started_at: at, actor: people['sam']! }))
  await records.append(answerEvent('hidden', '1', { at, decision: { ...decision('mask'), reasons, mask }, outcome: 'forwarded', findings: printFindings(findings), basis: JSON.stringify({ now: 0, masked: ['/structuredContent/customer/ssn', '/structuredContent/email'] }) }))
  await records.append(answerEvent('hidden', '2', { at: at + 86_400_000, outcome: 'denied', decision: decision('deny'), findings: printFindings(findings.slice(1)) }))
  const { events } = JSON.parse((await sallyport('ada', 'sessions', 'show', 'ses_hidden', '--json')).out)
  expect(events[0]).toMatchObject({ hidden: ['privacy/mask/ssn', 'privacy/mask/us_ssn'], hidden_from_record: [{ detector: 'email', count: 1 }] })
  const { out } = await sallyport('ada', 'sessions', 'replay', 'ses_hidden')
  expect(out).toContain('hid us_ssn, ssn\n')
  expect(out).toContain('email × 1 went on, and is hidden in this record only\n')
  expect(out).toContain('email × 1 is hidden in this record\n')
  expect((await sallyport('ada', 'sessions', 'show', 'ses_hidden')).out).toMatch(/mask +forwarded +us_ssn, ssn\n2 +2023-11-15 22:13/)
})

test('what a message or a client says about itself cannot move the cursor of the terminal', async () => {
  for (const verb of ['show', 'replay']) expect((await sallyport('ada', 'sessions', verb, 'ses_1')).out).not.toContain('\u001b[2J')
  expect((await sallyport('ada', 'sessions', 'replay', 'ses_1')).out).not.toContain('\u001b[31m')
})

test('messages of many sessions are exported with who asked, also of a session that began before the period', async () => {
  const { records } = world.store
  const [begun, later] = [Date.parse('2026-03-01T23:59:00Z'), Date.parse('2026-03-02T00:01:00Z')]
  await records.putSession(sessionRow('long', { started_at: begun, actor: people['sam']!, upstream: 'exported' }))
  await records.append(event('long', '1', { at: begun }))
  await records.append(event('long', '2', { at: later, message: '{"jsonrpc":"2.0","id":1.0}' }))
  await records.append(event('long', '3', { at: later, decision: decision('deny'), outcome: 'denied', closes: true }))
  const given = ['sessions', 'export', '--upstream', 'exported', '--from', '2026-03-02']
  const { code, out, notes } = await sallyport('ada', ...given, '--to', '2026-03-02')
  expect([code, notes, out.includes('"id":1.0')]).toEqual([0, '2 messages, 1 sessions\n', true])
  expect(out.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([2, 3].map((seq) => ({ session: { id: 'ses_long', actor: { email: 'sam@example.com' } }, event: { seq, hidden: [] } })))
  expect((await sallyport('ada', ...given, '--decision', 'deny')).notes).toBe('1 messages, 1 sessions\n')
  expect(await sallyport('ada', ...given, '--actor', 'nobody')).toEqual({ code: 0, out: '', notes: '0 messages, 0 sessions\n' })
  expect((await sallyport('sam', ...given)).code).toBe(1)
  // Its server answered after it had ended.
  await records.endSession('ses_long', begun)
  expect((await sallyport('ada', ...given, '--to', '2026-03-02')).notes).toBe('2 messages, 1 sessions\n')
})

test('a replay can be narrowed, and printed as the shapes of the API', async () => {
  const { out } = await sallyport('ada', 'sessions', 'replay', 'ses_1', '--decision', 'deny', '--json')
  expect(JSON.parse(out)).toMatchObject({ session: { id: 'ses_1' }, events: [{ seq: 3, outcome: 'denied' }] })
})

test('wrong use is 2, a plain no is 1', async () => {
  for (const args of [['list', '--limit', 'x'], ['list', '--from', 'soon'], ['list', '--decision', 'maybe'], ['replay', 'ses_1', '--speed', '0'], ['replay', 'ses_1', '--step'], ['show', 'ses_1', '--decision', 'denied'], ['export', '--to', 'soon'], ['export', '--decision', 'denied']]) {
    expect([args, (await sallyport('ada', 'sessions', ...args)).code]).toEqual([args, 2])
  }
  expect((await sallyport('ada', 'sessions', 'show', 'ses_x')).code).toBe(1)
  expect((await sallyport('ada', 'sessions', 'show', 'ses_1', '--method', 'ping')).notes).toBe('no message fits\n')
  expect((await sallyport('sam', 'sessions', 'list')).notes).toContain('this token may not do that')
})

test('a reviewer lists, shows, approves; who may not is told why', async () => {
  const id = await world.hold(people['sam']!, 5000)
  expect((await sallyport('riley', 'approvals', 'list')).out).toMatch(new RegExp(`${id} +pending +\\d{4}-\\d\\d-\\d\\d [\\d:]{8} +sam@example.com +export_customers +crm +bulk +0/1 +15 min`))
  const shown = await sallyport('riley', 'approvals', 'show', id)
  expect(shown.out).toContain('"limit": 5000')
  expect(shown.out).toContain('1 of oncall for crm/require_approval/bulk')
  expect(shown.out).toMatch(/Asked +\d{4}-/)
  await expect(sallyport('riley', 'approvals', 'list', '--all', '--state', 'granted')).rejects.toThrow('cannot be used with')
  const own = await sallyport('sam', 'approvals', 'approve', id)
  expect([own.code, own.notes]).toEqual([1, expect.stringContaining('roles reviewer')])
  const approved = await sallyport('riley', 'approvals', 'approve', id, '--reason', 'agreed')
  expect([approved.code, approved.out]).toEqual([0, `${id} is granted: export_customers of sam@example.com may run now, once\n`])
  const twice = await sallyport('riley', 'approvals', 'deny', id, '--reason', 'no')
  expect([twice.code, twice.notes]).toEqual([1, 'sallyport approvals: the approval is granted, no longer pending\n'])
  expect((await sallyport('riley', 'approvals', 'list')).notes).toBe('no approval is pending\n')
  expect(JSON.parse((await sallyport('sam', 'approvals', 'list', '--all', '--json')).out).items).toHaveLength(1)
})

test('a denial without a reason is wrong use', async () => {
  const id = await world.hold(people['sam']!, 6000)
  expect((await sallyport('riley', 'approvals', 'deny', id)).code).toBe(2)
  expect((await sallyport('riley', 'approvals', 'deny', id, '--reason', 'too much')).out).toContain('is refused')
})
