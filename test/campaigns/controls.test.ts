import { arrivals, everyMessageIsJudged } from './campaigns.ts'
import { compare, nothingPassesUnjudgedOrAstray } from './doors.ts'

// What counts messages must itself see when one passes that may not: where nothing is found it has to be because there is nothing.

const lax = 'package policies.campaign\n\nallow if input.actor.kind == "person"\n\nallow_server := true\n\nallow_other := true\n'

test('P10: what another policy lets pass is seen at the server and at the client', async () => {
  const { violations } = await everyMessageIsJudged(18, lax)
  for (const text of ['tools/call 1 reached the server 1 times, and may 0 times', 'tools/call 1 is refused, and its client got', 'tools/call 3 is withheld, and its client got', 'the server got notifications/x']) expect(violations.join('\n')).toContain(text)
})
test('P10, P23: through every door, what another policy lets pass is seen at the server and at the client', async () => {
  const { violations } = await nothingPassesUnjudgedOrAstray(30, lax)
  for (const where of ['the server', 'the client']) expect(violations.filter((each) => each.startsWith(where) && each.endsWith('may not pass'))).not.toEqual([])
})

const body = (n: number) => JSON.stringify({ method: 'tools/call', params: { arguments: { n } } })
test.each<[string, readonly string[], readonly string[]]>([
  ['each once', [body(0)], []],
  ['one that is missing', [], ['tools/call 0 reached the server 0 times, and may 1 times']],
  ['one that came twice', [body(0), body(0)], ['tools/call 0 reached the server 2 times, and may 1 times']],
  ['a kind that may not come', [body(0), '{"method":"x/y"}'], ['the server got x/y']],
  ['what a gateway asks for itself', [body(0), '{"method":"tools/list"}'], []],
])('of what arrived, %s', (_name, bodies, wanted) => {
  expect(arrivals(1, bodies)).toEqual(wanted)
})

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  ['as often as it was let pass', ['c0n1-a', 'c0n1-a'], ['c0n1-a', 'c0n1-a'], []],
  ['more often', ['c0n1-a', 'c0n1-a'], ['c0n1-a'], ['it got c0n1-a 2 times, it was let pass 1 times']],
  ['never let pass', ['c0n1-a'], [], ['it got c0n1-a 1 times, it was let pass 0 times']],
  ['let pass, and lost', [], ['c0n1-a'], ['it got c0n1-a 0 times, it was let pass 1 times']],
  ['banned', ['c0n1-ax'], ['c0n1-ax'], ['it got c0n1-ax, which may not pass']],
])('of marks, %s', (_name, arrived, passed, wanted) => {
  expect(compare('it', arrived, passed)).toEqual(wanted)
})
