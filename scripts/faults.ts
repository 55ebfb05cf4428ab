// The long campaigns, at full size: violations by promise.
//   npm run test:faults -- [--json] [--messages N]      N is 1,000,000 by default
import { everyMessageIsJudged, nobodyGetsAnothersAnswer, whatIsSentWasJudged } from '../test/campaigns/campaigns.ts'

const campaigns = {
  P10: { says: 'every message is judged', run: everyMessageIsJudged },
  P16: { says: 'what is sent is what was judged', run: whatIsSentWasJudged },
  P23: { says: 'nobody gets another\'s answer', run: nobodyGetsAnothersAnswer },
} as const

const args = process.argv.slice(2)
const given = args.indexOf('--messages')
const messages = given === -1 ? 1_000_000 : Number(args[given + 1])
if (!Number.isSafeInteger(messages) || messages < 1) {
  process.stderr.write('--messages wants a whole number above 0\n')
  process.exit(2)
}
// Each round has its own gateway and store, so that a million messages need no more memory and disk than one round.
const perRound = 50_000
const promises: Record<string, { messages: number; violations: number; examples: readonly string[] }> = {}
for (const [promise, { says, run }] of Object.entries(campaigns)) {
  const sum = { messages: 0, violations: 0, examples: [] as string[] }
  for (let left = messages, round = 1; left > 0; left -= perRound, round += 1) {
    const report = await run(Math.min(left, perRound), round)
    sum.messages += report.messages
    sum.violations += report.violations.length
    sum.examples.push(...report.violations.slice(0, 5 - Math.min(sum.examples.length, 5)))
    process.stderr.write(`${promise} ${says}: ${sum.messages} of ${messages} messages, ${sum.violations} violations\n`)
  }
  promises[promise] = sum
}
const total = Object.values(promises).reduce((sum, { violations }) => sum + violations, 0)
process.stdout.write(args.includes('--json') ? `${JSON.stringify({ promises, violations: total })}\n` : `${total} violations\n`)
process.exit(total === 0 ? 0 : 1)
