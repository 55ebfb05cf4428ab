import { recallOf } from '../../src/bundle/recall.ts'

const reads = (sets: Readonly<Record<string, readonly string[]>>, settled: readonly string[] = []): Parameters<typeof recallOf>[0] => ({ groups: false, input: [], roles: [], sets, settled })

test('a set varies that reads what is another in each message, or anything that holds it', () => {
  const varying = ['/now', '/session/calls', '/session', '/findings', '/message/call/arguments/sql', '/message/call', '/message', '/message/body/a', '/request/call/arguments', '/request']
  const settled = ['/actor/groups', '/upstream/labels/tier', '/message/method', '/message/call/name', '/request/call/name', '/entries', '/nowhere', '/approval/risk']
  for (const pointer of varying) {
    expect(recallOf(reads({ 'deny/crm': ['/actor/kind', pointer] }, ['/a']))).toEqual({ sets: { deny: ['crm'] }, recall: { varying: ['/actor/kind', pointer], settled: ['/a'] } })
  }
  for (const pointer of settled) expect(recallOf(reads({ 'deny/crm': [pointer] }, ['/a']))).toEqual({ sets: {}, recall: { varying: [], settled: ['/a', pointer] } })
})

test('the sets of a verdict stand together, whatever their policy is called', () => {
  expect(recallOf(reads({ 'deny/crm': ['/now'], 'deny/a/b': ['/now'], 'mask/crm': ['/now'] })).sets).toEqual({ deny: ['crm', 'a/b'], mask: ['crm'] })
})

test('where anything reads the input as a whole nothing is recalled', () => {
  expect(recallOf(reads({ 'deny/crm': [''] }))).toEqual({ sets: { deny: ['crm'] } })
  expect(recallOf(reads({}, ['']))).toEqual({ sets: {} })
})
