import type { PolicyView } from '../../../src/admin/contract/policy.ts'
import { createOutput } from '../../../src/cli/output.ts'
import { showStatus } from '../../../src/cli/policy/status.ts'

const said = (shadow: PolicyView['shadow']): string => {
  const written: string[] = []
  showStatus({ active: null, last_run: null, rolled_back: null, source: null, decision_logs: null, shadow }, createOutput({ stdout: { write: (text) => written.push(text) }, stderr: { write: () => true } }))
  return written.join('')
}
const empty = { bundle: null, same: 0, different: 0, dropped: 0, failed: 0, transitions: [], examples: [], error: null }

test('the status tells what a second bundle would have decided, and obeys no name', () => {
  const told = (kind: string, rule: string) => ({ kind, rules: [rule], risk: 0 })
  const example = { at: '2026-11-21T12:00:00.000Z', actor: 'sam', upstream: 'crm', direction: 'to_server', method: 'tools/call', call: 'query\u001b[31m', in: ['kind'], before: told('allow', 'desk/allow'), after: told('deny', 'desk/deny/no') }
  const text = said({ ...empty, bundle: { digest: 'bnd_2', revision: 'next', commit: null, activated_at: '2026-11-21T11:00:00.000Z' }, same: 90, different: 3, dropped: 2, transitions: [{ before: 'allow', after: 'deny', decisions: 3 }], examples: Array.from({ length: 9 }, () => example) })
  expect(text).toMatch(/^Shadow +bnd_2 {2}since 2026-11-21T11:00:00\.000Z \(next\)$/m)
  expect(text).toMatch(/^ +90 decided the same, 3 otherwise, 2 not asked, 0 without a verdict$/m)
  expect(text).toMatch(/^ +allow → deny: 3$/m)
  expect(text.match(/sam {2}crm query\\u001b\[31m: allow \(desk\/allow\) → deny \(desk\/deny\/no\)/g)).toHaveLength(5)
  expect(text).not.toContain('\u001b')
})

test('a second bundle that cannot be had says why, and none says nothing', () => {
  expect(said({ ...empty, error: 'a.rego:3: no' })).toMatch(/^Shadow +nothing yet\n +a\.rego:3: no$/m)
  expect(said(null)).not.toContain('Shadow')
})
