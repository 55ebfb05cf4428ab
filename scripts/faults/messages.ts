import { everyMessageIsJudged, nobodyGetsAnothersAnswer, type CampaignReport } from '../../test/campaigns/campaigns.ts'
import { nothingPassesUnjudgedOrAstray } from '../../test/campaigns/doors.ts'
import { whatIsSentWasJudged } from '../../test/campaigns/same.ts'
import { storeTooSlow, unlessTooBusy } from './busy.ts'
import type { Campaign } from './campaign.ts'

// Each round has its own gateway and store, so that a million messages need no more memory and disk than one round.
const perRound = 10_000

const overMessages = (title: string, run: (messages: number, round: number) => Promise<CampaignReport>): Campaign => ({
  title,
  needs: [],
  size: { messages: 1_000_000 },
  async run({ messages, tally, say }) {
    for (let left = messages, round = 1; left > 0; round += 1) {
      const report = await unlessTooBusy(() => run(Math.min(left, perRound), round), [storeTooSlow])
      left -= report.messages
      tally.checked(report.messages)
      for (const each of report.violations) tally.violation(each)
      if (report.messages === 0) left = 0 // nothing was looked at, and its violations say why
      say(`${tally.report().checked} of ${messages} messages, ${tally.report().violations} violations`)
    }
  },
})

/** Every fourth round over all doors and kinds of servers, for a part of the messages: each of those calls is several. */
const alsoOverDoors = (run: (messages: number) => Promise<CampaignReport>) => (messages: number, round: number) => (round % 4 === 2 ? nothingPassesUnjudgedOrAstray(Math.ceil(messages / 10)) : run(messages))

export const judged = overMessages('every message is judged', alsoOverDoors(everyMessageIsJudged))
export const same = overMessages('what is sent is what was judged', whatIsSentWasJudged)
export const isolated = overMessages('nobody gets another\'s answer', alsoOverDoors(nobodyGetsAnothersAnswer))
