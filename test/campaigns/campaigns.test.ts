import { everyMessageIsJudged, nobodyGetsAnothersAnswer } from './campaigns.ts'
import { nothingPassesUnjudgedOrAstray } from './doors.ts'
import { whatIsSentWasJudged } from './same.ts'

// A million of each: npm run test:faults -- --only P10,P16,P23
const size = 5_000
test('P10: nothing reaches a server or a client that was not judged, let pass and recorded', async () => {
  expect(await everyMessageIsJudged(size)).toEqual({ messages: size, violations: [] })
})
test('P16: what is sent, to servers and to clients, is what was judged, to the digit', async () => {
  expect(await whatIsSentWasJudged(2_000)).toEqual({ messages: 2_000, violations: [] })
})
test('P23: no answer reaches another client', async () => {
  expect(await nobodyGetsAnothersAnswer(size)).toMatchObject({ violations: [] })
})
test('P10, P23: through every door and to every kind of server, in both directions, nothing passes unjudged or goes astray', async () => {
  const { messages, violations } = await nothingPassesUnjudgedOrAstray(150)
  expect(violations).toEqual([])
  expect(messages).toBeGreaterThan(500)
})
