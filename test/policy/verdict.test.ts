import { policyError, readVerdict, ttlSeconds, type VerdictContext } from '../../src/policy/verdict.ts'

const context: VerdictContext = {
  bundle: 'bnd_1',
  rules: { 'crm/deny/destructive_sql': { title: 'Destructive SQL', description: 'Tables stay', remedy: 'Ask for a view', link: 'https://example.com/sql', severity: 'high' } },
  detectors: new Set(['us_ssn']),
  entries: 3,
}
const reasons = [{ code: 'allowed', rule: 'crm/allow' }]
const allow = { kind: 'allow', reasons, risk: 0, listed: [] }
const deny = { kind: 'deny', reasons: [{ code: 'destructive_sql', message: 'no DROP', rule: 'crm/deny/destructive_sql' }], risk: 10, listed: [] }
const span = { detector: 'us_ssn', with: '[SSN]', must: false, rule: 'crm/mask' }
const place = { path: '/rows/*/ssn', with: null, must: true, rule: 'crm/mask/ssn' }
const mask = { kind: 'mask', reasons: [{ code: 'masked', rule: 'crm/mask' }], risk: 0, listed: [0, 2], mask: [span, place] }
const requirement = { rule: 'crm/require_approval/bulk', code: 'bulk', reviewers: ['oncall'], quorum: 1 }
const approval = { ttl: '15m', requirements: [requirement] }
const held = { kind: 'require_approval', reasons: [{ code: 'bulk', rule: 'crm/require_approval/bulk' }], risk: 0, listed: [], mask: [], approval }

const read = (result: unknown): ReturnType<typeof readVerdict> => readVerdict([{ result }], context)

test.each([allow, deny, mask, held])('a well-formed $kind is obeyed and names the bundle', (raw) => {
  expect(read(raw)).toMatchObject({ ok: true, decision: { kind: raw.kind, risk: raw.risk, listed: raw.listed, bundle: 'bnd_1' } })
})

test('a reason carries what METADATA says about its rule, and nothing else', () => {
  expect(read(deny)).toMatchObject({
    decision: {
      reasons: [{
        code: 'destructive_sql', message: 'no DROP', rule: 'crm/deny/destructive_sql',
        title: 'Destructive SQL', description: 'Tables stay', remedy: 'Ask for a view', link: 'https://example.com/sql',
      }],
    },
  })
  expect(readVerdict([{ result: { ...deny, reasons: [{ code: 'x', rule: 'toString/x' }] } }], context)).toMatchObject({ decision: { reasons: [{ code: 'x', rule: 'toString/x' }] } })
})

const odd: readonly (readonly [string, readonly unknown[]])[] = [
  ['no result', []],
  ['two results', [{ result: allow }, { result: allow }]],
  ['true', [{ result: true }]],
  ['null', [{ result: null }]],
  ['a text', [{ result: 'allow' }]],
  ['an array', [{ result: [allow] }]],
  ['no result member', [{ expressions: [allow] }]],
  ['a member beside the result', [{ result: allow, more: 1 }]],
  ...(
    [
      ['an unknown kind', { ...allow, kind: 'maybe' }],
      ['a kind in capitals', { ...allow, kind: 'ALLOW' }],
      ['no kind', { reasons, risk: 0, listed: [] }],
      ['no reasons', { ...allow, reasons: [] }],
      ['reasons that are missing', { kind: 'allow', risk: 0, listed: [] }],
      ['a reason without code', { ...allow, reasons: [{ rule: 'crm/allow' }] }],
      ['an empty code', { ...allow, reasons: [{ code: '', rule: 'crm/allow' }] }],
      ['a reason without rule', { ...allow, reasons: [{ code: 'allowed' }] }],
      ['a rule that is no id', { ...allow, reasons: [{ code: 'allowed', rule: 'crm' }] }],
      ['a reason with another member', { ...allow, reasons: [{ code: 'allowed', rule: 'crm/allow', also: 1 }] }],
      ['a risk below zero', { ...allow, risk: -1 }],
      ['a risk that is no number', { ...allow, risk: '0' }],
      ['a risk without end', { ...allow, risk: Infinity }],
      ['no risk', { kind: 'allow', reasons, listed: [] }],
      ['no listed', { kind: 'allow', reasons, risk: 0 }],
      ['listed beyond the entries', { ...allow, listed: [3] }],
      ['listed out of order', { ...allow, listed: [2, 0] }],
      ['listed twice', { ...allow, listed: [1, 1] }],
      ['listed below zero', { ...allow, listed: [-1] }],
      ['listed between two', { ...allow, listed: [0.5] }],
      ['another member', { ...allow, extra: true }],
      ['an allow with masks', { ...allow, mask: [span] }],
      ['an allow with an approval', { ...allow, approval }],
      ['a mask without masks', { ...mask, mask: [] }],
      ['a mask without the member', { ...allow, kind: 'mask' }],
      ['a mask of an unknown detector', { ...mask, mask: [{ ...span, detector: 'shoe_size' }] }],
      ['a mask of nothing', { ...mask, mask: [{ with: 'x', must: false, rule: 'crm/mask' }] }],
      ['a mask of the whole', { ...mask, mask: [{ ...place, path: '' }] }],
      ['a mask path without slash', { ...mask, mask: [{ ...place, path: 'rows' }] }],
      ['a mask path with a broken escape', { ...mask, mask: [{ ...place, path: '/a~3b' }] }],
      ['a mask path that ends in a tilde', { ...mask, mask: [{ ...place, path: '/a~' }] }],
      ['a mask with an object', { ...mask, mask: [{ ...place, with: {} }] }],
      ['a mask without must', { ...mask, mask: [{ path: '/a', with: 'x', rule: 'crm/mask' }] }],
      ['a mask without rule', { ...mask, mask: [{ path: '/a', with: 'x', must: true }] }],
      ['an approval that asks for nothing', { ...held, approval: { ttl: '15m', requirements: [] } }],
      ['an approval that is missing', { ...allow, kind: 'require_approval', mask: [] }],
      ['an approval without reviewers', { ...held, approval: { ttl: '15m', requirements: [{ ...requirement, reviewers: [] }] } }],
      ['an approval of quorum zero', { ...held, approval: { ttl: '15m', requirements: [{ ...requirement, quorum: 0 }] } }],
      ['an approval of half a quorum', { ...held, approval: { ttl: '15m', requirements: [{ ...requirement, quorum: 1.5 }] } }],
      ['an approval for ever', { ...held, approval: { ...approval, ttl: '25h' } }],
      ['an approval for no time', { ...held, approval: { ...approval, ttl: '0s' } }],
      ['an approval of an odd time', { ...held, approval: { ...approval, ttl: 'soon' } }],
    ] as const
  ).map(([name, raw]) => [name, [{ result: raw }]] as const),
]

test.each(odd)('%s is no verdict', (_name, results) => {
  expect(readVerdict(results, context)).toMatchObject({ ok: false, detail: expect.any(String) })
})

test('what is said about an odd answer holds nothing of it', () => {
  const secret = '4111111111111111'
  const outcome = readVerdict([{ result: { ...allow, reasons: [{ code: 'x', rule: secret, [secret]: secret }], kind: 'allow', risk: secret } }], context)
  expect(outcome.ok).toBe(false)
  expect(JSON.stringify(outcome)).not.toContain(secret)
})

test('a detector may be bound to a place, the whole body included', () => {
  for (const path of ['', '/content', '/**/note', '/a~2b~1c']) {
    expect(read({ ...mask, mask: [{ ...span, path }] })).toMatchObject({ ok: true, decision: { mask: [{ path }] } })
  }
})

test('a time to live is whole seconds, minutes or hours up to a day', () => {
  expect(['30s', '15m', '1h', '24h', '86400s', '1440m'].map(ttlSeconds)).toEqual([30, 900, 3600, 86_400, 86_400, 86_400])
  expect(['', '0s', '25h', '86401s', '1d', '1h30m', '-1s', '1.5h', ' 1h', '1H', '01m', '999999999999999s'].map(ttlSeconds)).toEqual(Array(12).fill(undefined))
})

test('a policy error is a denial with its one code', () => {
  expect(policyError('none')).toMatchObject({ kind: 'deny', reasons: [{ code: 'policy_error', rule: 'sallyport/policy_error' }], risk: 0, listed: [], bundle: 'none' })
})
